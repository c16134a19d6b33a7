"""Images in pasted YAML: Compose files, manifests of Kubernetes, values of Helm, and what fills in nothing."""

from __future__ import annotations

from imageimport.batches.parsing import read_list
from tests.imageimport.batches.reading import entries, images


def test_a_compose_file_gives_its_images_and_the_defaults_of_its_variables() -> None:
    text = """services:
  web:
    image: nginx:${TAG:-1.27}
    build: .
  db: {image: "postgres:16"}   # data
  unset:
    image: ${IMAGE}
volumes: {}
"""
    web, db, unset = entries(text)
    assert (web.line, web.reference) == (3, "docker.io/library/nginx:1.27")
    assert web.notes
    assert (db.line, db.reference) == (5, "docker.io/library/postgres:16")
    assert unset.error is not None
    assert read_list(text).kind == "yaml"


KUBERNETES = """apiVersion: apps/v1
kind: Deployment
metadata: {name: image}
spec:
  template:
    spec:
      initContainers:
      - name: i
        image: busybox:1
      containers:
      - image: nginx
        env: [{name: image, value: foo}]
      volumes:
      - image: {reference: quay.io/a/b:1, pullPolicy: Always}
---
apiVersion: batch/v1
kind: CronJob
spec: {jobTemplate: {spec: {template: {spec: {containers: [{image: registry.k8s.io/pause:3.9}]}}}}}
"""


def test_kubernetes_yaml_gives_the_images_of_every_kind_of_pod() -> None:
    assert images(KUBERNETES) == [
        (9, "docker.io/library/busybox:1"),
        (11, "docker.io/library/nginx:latest"),
        (14, "quay.io/a/b:1"),
        (18, "registry.k8s.io/pause:3.9"),
    ]


def test_helm_values_and_kustomize_spell_an_image_in_parts() -> None:
    text = """image:
  registry: ghcr.io
  repository: a/b
  tag: v1
sidecarImage: {repository: c/d}
other:
  repository: e/f
  tag: "2"
dependencies:
- {name: x, repository: https://charts.example.com, version: 1}
images:
- name: foo
  newName: bar/foo
  newTag: "2"
- plain/ref:1
"""
    assert [reference for _line, reference in images(text)] == [
        "ghcr.io/a/b:v1",
        "docker.io/c/d:latest",
        "docker.io/e/f:2",
        "docker.io/bar/foo:2",
        "docker.io/plain/ref:1",
    ]


def test_a_template_is_read_line_by_line_and_what_it_fills_in_is_an_error() -> None:
    text = """containers:
  - image: "{{ .Values.image }}:{{ .Values.tag }}"
  {{- if .x }}
  - image: nginx
  {{ end }}
"""
    filled, plain = entries(text)
    assert filled.error is not None
    assert "template" in filled.error[0]
    assert (plain.line, plain.reference) == (4, "docker.io/library/nginx:latest")


def test_a_json_list_is_a_list() -> None:
    assert [reference for _line, reference in images('["nginx", "redis:7"]')] == [
        "docker.io/library/nginx:latest",
        "docker.io/library/redis:7",
    ]


def test_aliases_are_not_followed() -> None:
    bomb = "a: &a [x]\n" + "".join(f"b{n}: &b{n} [*a, *a, *a]\n" for n in range(1000)) + "image: nginx\n"
    assert images(bomb) == [(1002, "docker.io/library/nginx:latest")]
