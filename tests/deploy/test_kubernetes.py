"""Manifests and chart: rendered by kubectl and Helm themselves, judged by Kubernetes' schemas and our own rules."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import helm_python
import kubernetes_validate
import pytest
import requests
import yaml
from kubernetes_validate import utils

from stack.kubernetes import FRONT, FRONT_WITH_FILES, front_configuration, secrets
from stack.kubernetes import main as print_secrets
from stack.paths import BIN, ROOT
from stack.services.front_server import FrontPlan
from stack.services.registry_server import answers_v2
from stack.services.spec import ServiceSpec, Surroundings
from stack.services.tools import find, registry_program
from testbed.scripted_http import Reply, ScriptedServer
from testbed.services import start_on_free_port
from tests.deploy.rendering import (
    CHART,
    KUBERNETES,
    OVERLAYS,
    RELEASES,
    chart,
    manifests,
    objects,
    pods_of,
    values_of,
)
from tests.deploy.test_files import METRIC

#: Megabytes of JSON that would be read for each object.
_schema = cache(utils.schema_contents)


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("release", RELEASES)
def test_every_object_is_what_kubernetes_takes(
    overlay: str, release: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(utils, "schema_contents", _schema)
    found = [*manifests(overlay).values(), *chart(overlay).values()]
    assert len(found) > 45
    # Most are the same by either way, and judged once.
    for each in {json.dumps(each, sort_keys=True): each for each in found}.values():
        kubernetes_validate.validate(each, release, strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_chart_makes_what_the_manifests_make(overlay: str) -> None:
    by_kustomize, by_helm = manifests(overlay), chart(overlay)
    del by_kustomize["Namespace", "registry-portal"]  # helm install --create-namespace
    assert by_helm.keys() == by_kustomize.keys()
    for key, each in by_kustomize.items():
        assert by_helm[key] == each, key


def test_keda_takes_the_place_of_the_workers_autoscaler_in_both() -> None:
    by_helm = chart("many-nodes", {"worker": {"autoscaling": {"keda": True}}})
    component = (KUBERNETES / "components" / "keda" / "scaled-object.yaml").read_text(encoding="utf-8")
    by_kustomize = objects(component)
    for (kind, name), each in by_kustomize.items():
        assert by_helm[kind, name]["spec"] == each["spec"]
    # KEDA's own kinds have no schema of Kubernetes.
    kubernetes_validate.validate(by_helm["NetworkPolicy", "from-keda"], RELEASES[-1], strict=True)
    assert ("HorizontalPodAutoscaler", "worker") not in by_helm
    assert ("HorizontalPodAutoscaler", "web") in by_helm


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_each_pod_is_probed_and_those_that_serve_are_drained_one_at_a_time(overlay: str) -> None:
    rendered = manifests(overlay)
    probed = {
        name: {probe for probe in ("livenessProbe", "readinessProbe") if probe in pod["containers"][0]}
        for name, pod in pods_of(rendered)
    }
    serving = ["web", "registry", "front", *(["database", "redis"] if overlay == "one-node" else [])]
    assert [name for name in serving if len(probed[name]) < 2] == []
    assert (probed["worker"], probed["beat"]) == ({"readinessProbe"}, {"livenessProbe"})
    budgets = {name: each["spec"] for (kind, name), each in rendered.items() if kind == "PodDisruptionBudget"}
    assert budgets.keys() == {"web", "worker", "registry", "front"}
    for name, budget in budgets.items():
        labels = rendered["Deployment", name]["spec"]["selector"]["matchLabels"]
        assert (budget["maxUnavailable"], budget["selector"]["matchLabels"]) == (1, labels)


def test_helm_finds_nothing_to_say_about_the_chart() -> None:
    for values in ({}, values_of("many-nodes")):
        report = helm_python.lint(CHART, values, strict=True)
        assert report["errors"] == []
        assert [each for each in report["messages"] if each["severity"] > 1] == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_pod_has_root_privileges_a_writable_system_or_the_clusters_account(overlay: str) -> None:
    pods = dict(pods_of(manifests(overlay)))
    assert {"web", "worker", "beat", "bootstrap", "registry", "front"} <= pods.keys()
    for pod in pods.values():
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["limits"]["memory"]


def test_the_registrys_files_are_cleaned_up_by_its_collector_and_read_by_its_front(
    tmp_path: Path,
) -> None:
    rendered = manifests("one-node")
    mounts = {
        name: next(mount for mount in container["volumeMounts"] if mount["name"] == "images")
        for name, pod in pods_of(rendered)
        for volume in pod["volumes"]
        if volume.get("persistentVolumeClaim") == {"claimName": "registry"}
        for container in pod["containers"]
    }
    assert {name for name, mount in mounts.items() if not mount.get("readOnly")} == {"registry", "collector"}
    assert mounts.keys() == {"registry", "collector", "front"}
    seen = {name: mount["mountPath"] for name, mount in mounts.items()}
    configuration = json.loads(secrets(tmp_path, "https://portal.example.com")["registry"]["registry.yml"])
    root = Path(configuration["storage"]["filesystem"]["rootdirectory"])
    # A blob cache of the registry would remember what was collected.
    assert "cache" not in configuration["storage"]
    storage = Path(rendered["ConfigMap", "portal"]["data"]["REGISTRY_STORAGE"])
    assert storage.relative_to(seen["collector"]) == root.relative_to(seen["registry"])
    assert Path(FRONT_WITH_FILES.storage).relative_to(seen["front"]) == root.relative_to(seen["registry"])
    labels = rendered["Deployment", "registry"]["spec"]["template"]["metadata"]["labels"]
    registry = rendered["Deployment", "registry"]["spec"]["template"]["spec"]
    for name in ("front", "collector"):
        pod = rendered["Deployment", name]["spec"]["template"]["spec"]
        (near,) = pod["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        assert near["labelSelector"]["matchLabels"].items() <= labels.items()
        assert pod["securityContext"]["runAsUser"] == registry["securityContext"]["runAsUser"]
    assert "manage.py collectgarbage --watch" in pod["containers"][0]["command"][-1]


def test_where_the_images_are_in_object_storage_no_collector_is_promised() -> None:
    for rendered in (manifests("many-nodes"), chart("many-nodes")):
        assert "REGISTRY_STORAGE" not in rendered["ConfigMap", "portal"]["data"]
        assert ("Deployment", "collector") not in rendered


def test_the_ingresses_let_the_same_through_as_nginx() -> None:
    nginx = (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8")
    files = manifests("one-node")["Ingress", "portal-files"]
    assert files["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-body-size"] == "0"
    (rule,) = files["spec"]["rules"]
    assert [f"^{each['path']}" for each in rule["http"]["paths"]] == re.findall(r"location ~ (\S+) ", nginx)


@pytest.mark.parametrize(
    ("overlay", "plan", "places"),
    [
        ("one-node", FRONT_WITH_FILES, {"images": "/var/lib/registry"}),
        ("many-nodes", FRONT, {}),
    ],
)
def test_the_front_has_the_rule_of_first_pull_and_writes_in_one_place(
    overlay: str, plan: FrontPlan, places: dict[str, str]
) -> None:
    rendered = manifests(overlay)
    assert rendered["ConfigMap", "portal"]["data"]["FIRST_PULL_FRONT"] == "1"
    told = rendered["ConfigMap", "front"]["data"]["nginx.conf"]
    assert told == front_configuration(plan)
    (container,) = rendered["Deployment", "front"]["spec"]["template"]["spec"]["containers"]
    mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    writes = str(plan.directory)
    assert mounts == {"config": "/config", "tmp": writes, **places}
    named = {
        path for path in re.findall(r'"(/[^"]*)/[^/"]+"', told) if not path.startswith("/var/lib/registry/")
    }
    assert named == {writes}
    for service, name in (("registry", 5000), ("web", 8000)):
        (port,) = rendered["Service", service]["spec"]["ports"]
        assert port["port"] == name


@pytest.mark.parametrize(
    ("path", "here", "elsewhere"),
    [
        ("/v2/", "front", "front"),
        ("/v2/team/docker.io/library/nginx/manifests/1.27", "front", "front"),
        (f"/v2/team/docker.io/library/nginx/manifests/sha256:{'a' * 64}", "front", "front"),
        ("/v2/team/app/tags/list", "front", "front"),
        (f"/v2/team/docker.io/library/nginx/blobs/sha256:{'a' * 64}", "front", "registry"),
        ("/v2/team/app/blobs/uploads/", "front", "registry"),
        ("/v2/team/app/blobs/uploads/0f6c-9b", "front", "registry"),
        # Parts of a name may be called so, too.
        (f"/v2/team/docker.io/blobs/uploads/manifests/sha256:{'a' * 64}", "front", "front"),
        ("/v2/team/docker.io/blobs/x/manifests/1", "front", "front"),
    ],
)
def test_layers_reach_clients_without_a_process_more_on_the_way(path: str, here: str, elsewhere: str) -> None:
    """With the files at hand the front sends them; where it would only pass them on, they don't pass it."""
    for overlay, service in (("one-node", here), ("many-nodes", elsewhere)):
        rendered = manifests(overlay)
        ingress = rendered["Ingress", "registry"]
        (rule,) = ingress["spec"]["rules"]
        # ingress-nginx takes the longest path that fits: its guide, "Ingress Path Matching".
        paths = sorted(rule["http"]["paths"], key=lambda each: -len(each["path"]))
        chosen = next(
            each["backend"]["service"] for each in paths if re.match(each["path"], path, re.IGNORECASE)
        )
        assert chosen == {"name": service, "port": {"name": "http"}}, overlay
        if service == "registry":
            assert ingress["metadata"]["annotations"]["nginx.ingress.kubernetes.io/use-regex"] == "true"
            assert ("NetworkPolicy", "registry-from-ingress") in rendered


def test_the_front_starts_with_what_it_is_given_and_asks_the_two_behind_it(tmp_path: Path) -> None:
    nginx, config = find("nginx"), tmp_path / "nginx.conf"
    assert nginx
    argv = [nginx, "-e", "stderr", "-c", str(config)]
    with ScriptedServer(lambda _: Reply(404)) as ours, ScriptedServer(lambda _: Reply(403)) as theirs:
        text = front_configuration(FRONT_WITH_FILES).replace(
            "server registry:5000", f"server {ours.server_name}"
        )
        text = text.replace("server web:8000", f"server {theirs.server_name}")
        text = text.replace(f"{FRONT.directory}/", f"{tmp_path}/")

        def make(port: int) -> ServiceSpec:
            config.write_text(text.replace("listen 5000", f"listen 127.0.0.1:{port}"), encoding="utf-8")
            # It writes its process id once it listens; on its port someone else might answer.
            return ServiceSpec(name="front", argv=argv, ready=(tmp_path / "nginx.pid").exists)

        front, port = start_on_free_port(make, tmp_path / "front.log")
        with front:
            url = f"http://127.0.0.1:{port}/v2/team/docker.io/library/nginx/manifests/sha256:{'a' * 64}"
            assert requests.get(url, timeout=20).status_code == 403
    assert [each.path.partition("/v2/")[0] for each in theirs.requests] == ["/service/first-pull/missing"]


@pytest.mark.parametrize("release", RELEASES)
def test_the_inventory_job_is_what_kubernetes_takes_and_may_list_pods_and_nothing_else(release: str) -> None:
    command = [str(BIN / "kubectl"), "kustomize", str(KUBERNETES / "inventory")]
    found = objects(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    for each in found.values():
        kubernetes_validate.validate(each, release, strict=True)
    (role,) = [each for (kind, _name), each in found.items() if kind in ("ClusterRole", "Role")]
    assert role["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]
    (binding,) = [each for (kind, _name), each in found.items() if kind.endswith("RoleBinding")]
    (account,) = [each for (kind, _name), each in found.items() if kind == "ServiceAccount"]
    (job,) = [each for (kind, _name), each in found.items() if kind == "CronJob"]
    name, namespace = account["metadata"]["name"], account["metadata"]["namespace"]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": name, "namespace": namespace}]
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert (pod["serviceAccountName"], job["metadata"]["namespace"]) == (name, namespace)
    assert pod["securityContext"]["runAsNonRoot"] is True
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_further_secrets_of_the_guide_are_read_from_where_the_pods_have_them() -> None:
    guide = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    settings = (ROOT / "registry_portal" / "settings.py").read_text(encoding="utf-8")
    named = dict(re.findall(r"\b([A-Z_]+)_FILE=/config/(\w+)", guide))
    assert {"EMAIL_URL", "OIDC_CLIENT_SECRET"} <= named.keys()
    (added,) = re.findall(r"^stringData:\n((?:  .*\n)+)", guide, re.MULTILINE)
    assert yaml.safe_load(added).keys() == set(named.values())
    assert [name for name in named if not re.search(rf'secret(_url)?\("{name}"\)', settings)] == []
    pods = dict(pods_of(manifests("one-node")))
    for name in ("web", "worker", "beat", "bootstrap"):
        (volume,) = [each for each in pods[name]["volumes"] if each["name"] == "config"]
        assert volume["secret"].get("items") is None
        mounts = pods[name]["containers"][0]["volumeMounts"]
        assert [each["mountPath"] for each in mounts if each["name"] == "config"] == ["/config"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_secrets_that_are_made_are_those_that_pods_mount(
    overlay: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if overlay == "many-nodes":
        monkeypatch.setenv("DATABASE_URL", "postgres://portal:x@db.internal:5432/portal")
        monkeypatch.setenv("REDIS_URL", "redis://:x@redis.internal:6379/0")
        monkeypatch.setenv("REGISTRY_S3_BUCKET", "images")
        monkeypatch.setenv("REGISTRY_S3_REGION", "eu-central-1")
    made = secrets(tmp_path, "https://portal.example.com")
    rendered = manifests(overlay)
    mounted = {
        volume["secret"]["secretName"]
        for _name, pod in pods_of(rendered)
        for volume in pod["volumes"]
        if "secret" in volume
    }
    assert made.keys() == mounted
    named = {
        value for value in rendered["ConfigMap", "portal"]["data"].values() if value.startswith("/config/")
    }
    assert {f"/config/{file}" for file in made["portal"]} == named
    registry = json.loads(made["registry"]["registry.yml"])
    assert registry["auth"]["token"]["realm"] == "https://portal.example.com/service/token"
    assert registry["auth"]["token"]["rootcertbundle"] == "/config/token_service.crt"
    assert registry["notifications"]["endpoints"][0]["url"] == "http://web:8000/service/registry-events"
    assert ("s3" in registry["storage"]) == (overlay == "many-nodes")
    assert ("filesystem" in registry["storage"]) == (overlay == "one-node")
    text = (
        json.dumps(made["registry"])
        + json.dumps(made.get("database", {}))
        + json.dumps(made.get("redis", {}))
    )
    assert made["portal"]["secret_key"] not in text
    assert made["portal"]["cryptography_keys"] not in text


def test_a_registry_starts_with_the_configuration_for_object_storage_and_asks_for_the_portals_tokens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_S3_BUCKET", "images")
    monkeypatch.setenv("REGISTRY_S3_REGION", "eu-central-1")
    made = secrets(tmp_path, "https://portal.example.com")["registry"]
    certificate, config = tmp_path / "token_service.crt", tmp_path / "registry.yml"
    certificate.write_text(made["token_service.crt"], encoding="ascii")
    text = made["registry.yml"].replace("/config/token_service.crt", str(certificate))

    def make(port: int) -> ServiceSpec:
        config.write_text(text.replace('":5000"', f'"127.0.0.1:{port}"'), encoding="utf-8")
        return ServiceSpec(
            name="registry",
            argv=[*registry_program(tmp_path).prefix, str(config)],
            ready=lambda: answers_v2(f"http://127.0.0.1:{port}"),
            surroundings=Surroundings(drop_env=("REGISTRY_", "AWS_")),
        )

    registry, port = start_on_free_port(make, tmp_path / "registry.log")
    with registry:
        challenge = requests.get(f"http://127.0.0.1:{port}/v2/", timeout=5).headers["WWW-Authenticate"]
    assert challenge.startswith('Bearer realm="https://portal.example.com/service/token"')


def test_what_is_printed_is_a_list_of_secrets_that_kubernetes_takes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert print_secrets([]) == 0
    found = json.loads(capsys.readouterr().out)["items"]
    assert [each["metadata"]["name"] for each in found] == ["portal", "database", "redis", "registry"]
    for each in found:
        kubernetes_validate.validate(each, RELEASES[-1], strict=True)


def test_the_variables_are_those_of_the_configuration_guide_and_the_images_those_of_compose() -> None:
    guide = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    for overlay in OVERLAYS:
        rendered = manifests(overlay)
        names = set(rendered["ConfigMap", "portal"]["data"])
        names |= {
            variable["name"]
            for _name, pod in pods_of(rendered)
            for container in pod["containers"]
            if container["name"] == "portal"
            for variable in container.get("env", [])
        }
        told = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", guide))
        assert [name for name in sorted(names) if not {name, name.removesuffix("_FILE")} & told] == []
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    images = {
        container["image"] for _name, pod in pods_of(manifests("one-node")) for container in pod["containers"]
    }
    assert len(images) == 5
    assert [image for image in images if f":-{image}}}" not in compose] == []


def test_autoscalers_ask_for_a_number_that_there_is() -> None:
    collector = (ROOT / "imageimport" / "metrics" / "collector.py").read_text(encoding="utf-8")
    scalers = [
        each for (kind, _name), each in manifests("many-nodes").items() if kind == "HorizontalPodAutoscaler"
    ]
    asked = set(METRIC.findall(json.dumps(scalers)))
    asked |= set(
        METRIC.findall((KUBERNETES / "components/keda/scaled-object.yaml").read_text(encoding="utf-8"))
    )
    asked = {name for name in asked if name.startswith("portal_imports")}
    assert "portal_imports_ready" in asked
    assert [name for name in asked if f'"{name}"' not in collector] == []


def test_the_guides_overlay_puts_your_names_everywhere(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    example = next(block for block in _yaml_blocks(guide) if "kind: Kustomization" in block)
    shutil.copytree(ROOT / "deploy", tmp_path / "registry-portal" / "deploy")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "kustomization.yaml").write_text(example, encoding="utf-8")
    command = [str(BIN / "kubectl"), "kustomize", str(tmp_path / "mine")]
    rendered = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "portal.example.com" not in rendered
    assert "registry.example.com" not in rendered
    assert "image: registry.internal/registry-portal:0.1.0" in rendered
    assert len(objects(rendered)) == len(manifests("one-node"))


def test_the_guides_policy_is_what_kubernetes_takes() -> None:
    guide = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    (example,) = [block for block in _yaml_blocks(guide) if "kind: NetworkPolicy" in block]
    kubernetes_validate.validate(yaml.safe_load(example), RELEASES[-1], strict=True)


def _yaml_blocks(guide: str) -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)
