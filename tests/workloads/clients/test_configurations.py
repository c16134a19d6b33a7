"""Every configuration parses, and says the right names."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

import pytest
import yaml

from workloads.clients.configurations import CLIENTS, Account, Setup, configuration

ROBOT = Account('robot$team+"c1"', "s3cr'et\\")
REGISTRIES = ("docker.io", "ghcr.io", "registry.example.com:5000")


def setup(**more: Any) -> Setup:
    values: dict[str, Any] = {
        "host": "registry.test:5000",
        "secure": True,
        "project": "team",
        "full": True,
        "registries": REGISTRIES,
        "account": ROBOT,
    }
    return Setup(**{**values, **more})


def files(client: str, **more: Any) -> dict[str, Any]:
    """Path to document, each read as what its name says."""
    text = configuration(client, setup(**more))
    parts = re.split(r"^# file: (.+)\n", text, flags=re.MULTILINE)
    return {path: read(path, body) for path, body in zip(parts[1::2], parts[2::2], strict=True)}


def read(path: str, body: str) -> Any:
    body = "".join(line for line in body.splitlines(keepends=True) if not line.startswith("#"))
    if path.endswith(".json"):
        return json.loads(body)
    if path.endswith(".yaml"):
        return list(yaml.safe_load_all(body))
    return tomllib.loads(body)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("secure", [True, False])
def test_every_file_parses(client: str, secure: bool) -> None:
    assert files(client, secure=secure)


def test_containerd() -> None:
    found = files("containerd")
    hub = found["/etc/containerd/certs.d/docker.io/hosts.toml"]
    assert hub["server"] == "https://registry-1.docker.io"
    assert hub["host"] == {
        "https://registry.test:5000/v2/team/docker.io": {
            "capabilities": ["pull", "resolve"],
            "override_path": True,
        }
    }
    other = found["/etc/containerd/certs.d/registry.example.com:5000/hosts.toml"]
    assert list(other["host"]) == ["https://registry.test:5000/v2/team/registry.example.com__5000"]
    registry = found["/etc/containerd/config.toml"]["plugins"]["io.containerd.grpc.v1.cri"]["registry"]
    assert registry["configs"]["registry.test:5000"]["auth"] == {
        "username": ROBOT.username,
        "password": ROBOT.secret,
    }


def test_podman() -> None:
    found = files("podman", secure=False)
    mirrors = found["/etc/containers/registries.conf.d/50-registry-portal.conf"]["registry"]
    assert mirrors[0] == {
        "prefix": "docker.io",
        "location": "docker.io",
        "mirror": [{"location": "registry.test:5000/team/docker.io", "insecure": True}],
    }
    accounts = "/root/.config/containers/auth.json"
    assert list(found[accounts]["auths"]) == ["registry.test:5000"]
    assert (
        found["/etc/crio/crio.conf.d/50-registry-portal.conf"]["crio"]["image"]["global_auth_file"]
        == accounts
    )


def test_k3s() -> None:
    (document,) = files("k3s")["/etc/rancher/k3s/registries.yaml"]
    assert document["mirrors"]["docker.io"] == {
        "endpoint": ["https://registry.test:5000"],
        "rewrite": {"^(.*)$": "team/docker.io/$1"},
    }
    assert document["configs"]["registry.test:5000"]["auth"]["password"] == ROBOT.secret


def test_openshift() -> None:
    digests, tags = files("openshift")["mirrors.yaml"]
    assert (digests["kind"], tags["kind"]) == ("ImageDigestMirrorSet", "ImageTagMirrorSet")
    assert digests["spec"]["imageDigestMirrors"][0]["mirrors"] == ["registry.test:5000/team/docker.io"]


def test_kyverno() -> None:
    (policy,) = files("kyverno")["policy.yaml"]
    rules = policy["spec"]["rules"]
    assert len(rules) == len({rule["name"] for rule in rules}) == 3 * len(REGISTRIES)
    first = rules[0]["mutate"]["foreach"][0]
    image = first["patchStrategicMerge"]["spec"]["containers"][0]["image"]
    assert image.startswith("registry.test:5000/team/docker.io/{{")
    assert "library/$1" in image


def test_docker_says_what_it_can_not() -> None:
    text = configuration("docker", setup())
    assert "Docker Hub only" in text
    assert "docker pull registry.test:5000/team/docker.io/<repository>:<tag>" in text


@pytest.mark.parametrize("client", CLIENTS)
def test_short_names_are_told(client: str) -> None:
    assert "short names" in configuration(client, setup(full=False))
    assert "short names" not in configuration(client, setup())
