{{/* What every object has; takes the component's name and the root. */}}
{{- define "portal.meta" -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  app.kubernetes.io/name: registry-portal
  app.kubernetes.io/managed-by: {{ .root.Release.Service }}
  helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
  {{- with .component }}
  app.kubernetes.io/component: {{ . }}
  {{- end }}
  {{- if .ours }}
  app.kubernetes.io/part-of: portal
  {{- end }}
{{- end }}

{{/* Labels of a pod. */}}
{{- define "portal.podLabels" -}}
app.kubernetes.io/name: registry-portal
app.kubernetes.io/component: {{ .component }}
{{- if .ours }}
app.kubernetes.io/part-of: portal
{{- end }}
{{- end }}

{{/* No root, no privileges, no account of the cluster; takes the user's number. */}}
{{- define "portal.podSecurity" -}}
automountServiceAccountToken: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .user }}
  runAsGroup: {{ .user }}
  fsGroup: {{ .user }}
  {{- if .volume }}
  fsGroupChangePolicy: OnRootMismatch
  {{- end }}
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "portal.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{/* What the pods of the portal have in common, in the container and beside it; with images: the registry's files, too. */}}
{{- define "portal.container" -}}
name: portal
image: {{ .Values.image.repository }}:{{ .Values.image.tag }}
envFrom:
  - configMapRef: {name: portal}
volumeMounts:
  - {name: config, mountPath: /config, readOnly: true}
  - {name: data, mountPath: /var/lib/portal}
  - {name: tmp, mountPath: /tmp}
  {{- if .images }}
  - {name: images, mountPath: /var/lib/registry}
  {{- end }}
{{ include "portal.containerSecurity" . }}
{{- end }}

{{- define "portal.volumes" -}}
volumes:
  - name: config
    secret: {secretName: portal, defaultMode: 0440}
  - name: data
    emptyDir: {}
  - name: tmp
    emptyDir: {}
  {{- if .images }}
  - name: images
    persistentVolumeClaim: {claimName: registry}
  {{- end }}
{{- end }}

{{/* A new value restarts what reads it. */}}
{{- define "portal.checksum" -}}
annotations:
  checksum/config: {{ include (print .Template.BasePath "/configuration.yaml") . | sha256sum }}
{{- end }}

{{- define "portal.spread" -}}
{{- if .Values.spread }}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          matchLabelKeys: [app.kubernetes.io/component]
          labelSelector:
            matchLabels:
              app.kubernetes.io/name: registry-portal
{{- end }}
{{- end }}

{{- define "portal.budget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "portal.meta" . | nindent 2 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "portal.service" -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "portal.meta" . | nindent 2 }}
spec:
  selector:
    app.kubernetes.io/component: {{ .component }}
  ports:
    - {name: {{ .portName }}, port: {{ .port }}, targetPort: {{ .portName }}}
{{- end }}

{{/* Startup, liveness and readiness by one question. */}}
{{- define "portal.probes" -}}
startupProbe: {{ dict "periodSeconds" 5 "timeoutSeconds" 5 "failureThreshold" .patience | merge (deepCopy .ask) | toJson }}
livenessProbe: {{ dict "periodSeconds" 10 "timeoutSeconds" 5 "failureThreshold" 6 | merge (deepCopy .ask) | toJson }}
readinessProbe: {{ dict "periodSeconds" 5 "timeoutSeconds" 5 "failureThreshold" 2 | merge (deepCopy .ask) | toJson }}
{{- end }}
