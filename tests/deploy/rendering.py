"""Manifests and chart as kubectl and Helm render them."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import helm_python
import yaml

from stack.paths import BIN, ROOT

KUBERNETES: Final = ROOT / "deploy" / "kubernetes"
CHART: Final = ROOT / "deploy" / "helm" / "registry-portal"
OVERLAYS: Final = ("one-node", "many-nodes")
#: Kubernetes' releases whose schemas are asked: an old one that is still about, and the newest.
RELEASES: Final = ("1.33", "1.37")

Found = dict[tuple[str, str], dict[str, Any]]


def manifests(overlay: str) -> Found:
    """What the overlay makes, by kind and name."""
    return objects(_kustomized(overlay))


def chart(overlay: str, more: dict[str, Any] | None = None) -> Found:
    """What the chart makes with the values of the same shape."""
    values = values_of(overlay)
    for name, value in (more or {}).items():
        values[name] = _merged(values.get(name, {}), value)
    with helm_python.Chart.load(CHART) as loaded:
        rendered = loaded.render(values=values, name="portal", namespace="registry-portal")
    return objects("\n---\n".join(rendered.values()))


def values_of(overlay: str) -> dict[str, Any]:
    """The values with which the chart makes the overlay."""
    if overlay == "one-node":
        return {}
    found: dict[str, Any] = yaml.safe_load((CHART / f"values-{overlay}.yaml").read_text(encoding="utf-8"))
    return found


def objects(text: str) -> Found:
    """Of YAML, by kind and name."""
    found = [_alike(each) for each in yaml.safe_load_all(text) if each]
    by_name = {(each["kind"], each["metadata"]["name"]): each for each in found}
    assert len(by_name) == len(found)
    return by_name


def pods_of(found: Found) -> Iterator[tuple[str, dict[str, Any]]]:
    """The pods that are made, by the name of what makes them."""
    for (kind, name), each in found.items():
        if kind in ("Deployment", "StatefulSet", "Job"):
            yield name, each["spec"]["template"]["spec"]


@cache
def _kustomized(overlay: str) -> str:
    command = [str(BIN / "kubectl"), "kustomize", str(KUBERNETES / "overlays" / overlay)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _merged(one: Any, other: Any) -> Any:
    if isinstance(one, dict) and isinstance(other, dict):
        return {
            name: _merged(one.get(name, other.get(name)), other.get(name, one.get(name)))
            for name in one | other
        }
    return other


def _alike(each: dict[str, Any]) -> dict[str, Any]:
    """Without what only the tools' own ways differ in: the hash in a name, the number of a revision, Helm's labels."""
    text = re.sub(r'"(portal|front)-(?!dashboard|metrics|tls)[a-z0-9]{10}"', r'"\1"', json.dumps(each))
    found: dict[str, Any] = json.loads(text.replace('"bootstrap-1"', '"bootstrap"'))
    for name in ("helm.sh/chart", "app.kubernetes.io/managed-by"):
        found["metadata"].get("labels", {}).pop(name, None)
    annotations = found["metadata"].get("annotations", {})
    annotations.pop("helm.sh/resource-policy", None)
    if not annotations:
        found["metadata"].pop("annotations", None)
    template = found.get("spec", {}).get("template", {})
    template.get("metadata", {}).pop("annotations", None)
    pod = template.get("spec", {})
    pod.get("volumes", []).sort(key=lambda volume: volume["name"])
    for container in pod.get("containers", []):
        container.get("volumeMounts", []).sort(key=lambda mount: mount["name"])
    return found
