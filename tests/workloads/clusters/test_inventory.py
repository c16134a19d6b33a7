"""What ``kubectl get pods -A -o json`` says, read pod by pod."""

from __future__ import annotations

import gzip
import io
import json
from typing import Any

import pytest

from accounts.exceptions import ApplicationError
from workloads.clusters import inventory as module
from workloads.clusters.inventory import read_inventory

DIGEST = "sha256:" + "a" * 64


def pod(images: dict[str, str], *, running: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    statuses = [{"name": name, "imageID": image} for name, image in (running or {}).items()]
    containers = [{"name": name, "image": image} for name, image in images.items()]
    return {
        "kind": "Pod",
        "metadata": {"namespace": more.pop("namespace", "web")},
        "spec": {"containers": containers, **more.pop("spec", {})},
        "status": {"phase": "Running", "containerStatuses": statuses, **more.pop("status", {})},
    }


def read(*pods: Any, gzipped: bool = False, **more: Any) -> module.Inventory:
    body = json.dumps({"apiVersion": "v1", "items": list(pods), "kind": "List", **more}).encode()
    return read_inventory(io.BytesIO(gzip.compress(body) if gzipped else body), gzipped=gzipped)


@pytest.mark.parametrize("gzipped", [False, True])
def test_images_by_name_and_the_digest_that_runs(gzipped: bool) -> None:
    found = read(
        pod({"a": "nginx:1", "b": "redis"}, running={"a": f"docker.io/library/nginx@{DIGEST}"}),
        pod({"a": "nginx:1"}, running={"a": f"docker-pullable://nginx@{DIGEST}"}, namespace="other"),
        pod({"a": "nginx:1"}, running={"a": DIGEST}),
        gzipped=gzipped,
    )
    assert found.pods == 3
    assert {key: (seen.pods, seen.namespaces) for key, seen in found.images.items()} == {
        ("nginx:1", DIGEST): (2, {"web", "other"}),
        ("nginx:1", ""): (1, {"web"}),
        ("redis", ""): (1, {"web"}),
    }


def test_init_and_ephemeral_containers_and_image_volumes_count() -> None:
    spec = {
        "initContainers": [{"name": "i", "image": "init:1"}],
        "ephemeralContainers": [{"name": "e", "image": "debug:1"}],
        "volumes": [{"name": "v", "image": {"reference": "model:1"}}, {"name": "w", "emptyDir": {}}],
    }
    status = {"initContainerStatuses": [{"name": "i", "imageID": f"init@{DIGEST}"}]}
    found = read(pod({"a": "app:1"}, spec=spec, status=status))
    assert set(found.images) == {("app:1", ""), ("init:1", DIGEST), ("debug:1", ""), ("model:1", "")}


def test_pods_that_have_ended_are_not_counted() -> None:
    found = read(*(pod({"a": "job:1"}, status={"phase": phase}) for phase in ("Succeeded", "Failed")))
    assert (found.pods, found.images) == (0, {})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"items": [}',
        b'{"items": [1]}',
        b'{"items": [{"kind": "Node", "spec": {}}]}',
        b'{"items": [{"kind": "Pod", "spec": []}]}',
        b'{"items": ' + b"[" * 100_000,
        b"\xff\xfe",
    ],
)
@pytest.mark.parametrize("gzipped", [False, True])
def test_anything_else_is_told(body: bytes, gzipped: bool) -> None:
    stream = io.BytesIO(gzip.compress(body) if gzipped else body)
    with pytest.raises(ApplicationError) as caught:
        read_inventory(stream, gzipped=gzipped)
    assert caught.value.code == "invalid_inventory"


def test_what_stands_behind_the_end_of_a_stream_is_told() -> None:
    """Each further piece would be kept beside the others."""
    stream = io.BytesIO(gzip.compress(b'{"items": []}', mtime=0) + b"x" * 5_000_000)
    with pytest.raises(ApplicationError) as caught:
        read_inventory(stream, gzipped=True)
    assert caught.value.code == "invalid_inventory"
    assert stream.tell() < 1_000_000


@pytest.mark.parametrize(
    "name", ["a\ud800", "a\0b", "镜像:1", "a b\n"], ids=["surrogate", "nul", "wide", "line"]
)
def test_a_name_that_is_none_is_told(name: str) -> None:
    for broken in (pod({"a": name}), pod({"a": "nginx"}, namespace=name)):
        with pytest.raises(ApplicationError) as caught:
            read(broken)
        assert caught.value.code == "invalid_inventory"


@pytest.mark.parametrize(
    "body", [b"no gzip", gzip.compress(b'{"items": []}', mtime=0)[:-9]], ids=["none", "cut"]
)
def test_a_broken_stream_is_told(body: bytes) -> None:
    with pytest.raises(ApplicationError) as caught:
        read_inventory(io.BytesIO(body), gzipped=True)
    assert caught.value.code == "invalid_inventory"


def test_a_bomb_ends_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 2_000_000)
    bomb = io.BytesIO(gzip.compress(b" " * 50_000_000))
    with pytest.raises(ApplicationError) as caught:
        read_inventory(bomb, gzipped=True)
    assert caught.value.code == "too_large"
    assert bomb.tell() <= 300_000


def test_an_empty_list_is_one() -> None:
    assert read().pods == 0
