"""The main job on real registries: from a typed reference to a verified tag, and each way of failing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stack.sample import image_of, sample_image
from stack.services.ports import free_port
from testbed.images import random_layer
from testbed.portal import PortalProcess
from testbed.services import RegistryServer, start_registry

#: References that the report and the issue name, and the repository in which a mirror holds each.
REFERENCES = {
    "nginx:latest": "library/nginx:latest",
    "user/nginx:1.20": "user/nginx:1.20",
    "docker.io/library/nginx:1.27": "library/nginx:1.27",
    "ghcr.io/owner/repo:v1.0.0": "owner/repo:v1.0.0",
    "quay.io/prometheus/prometheus:latest": "prometheus/prometheus:latest",
    "registry.k8s.io/pause:3.9": "pause:3.9",
    "registry.example.com/ns/img:tag": "ns/img:tag",
}
REGISTRIES = ("docker.io", "ghcr.io", "quay.io", "registry.k8s.io", "registry.example.com")


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    server = start_registry(tmp_path_factory.mktemp("mirror"))
    yield server
    server.running.stop()


@pytest.fixture(scope="module")
def mirrored(make_module_portal: Callable[..., PortalProcess], mirror: RegistryServer) -> PortalProcess:
    """A portal that reaches the public registries only through a mirror on loopback."""
    return make_module_portal(
        IMPORT_REGISTRY_MIRRORS=";".join(f"{name}={mirror.url}" for name in REGISTRIES),
        IMPORT_MIRRORS_ONLY=",".join(REGISTRIES),
        IMPORT_MAX_ATTEMPTS="2",
    )


@pytest.mark.parametrize("reference", REFERENCES)
def test_every_form_of_reference_imports_through_a_mirror(
    mirrored: PortalProcess, mirror: RegistryServer, reference: str
) -> None:
    repository, _, tag = REFERENCES[reference].rpartition(":")
    digest = mirror.push(repository, tag, sample_image())
    project = mirrored.project("forms")
    task = mirrored.run_import(project, reference)
    assert (task["status"], task["digest"], task["source_digest"]) == ("success", digest, digest), task
    name = repository.removeprefix("library/")
    assert task["target_image"] == f"{mirrored.registry_host}/forms/{name}:{tag}"
    assert mirrored.verify(f"forms/{name}", tag).digest == digest
    images = mirrored.call("GET", f"/projects/{project}/images?search={name}").json()["results"]
    assert any(row["repository"] == name and row["tag"] == tag and row["digest"] == digest for row in images)


def test_a_digest_reference_lands_as_latest_and_with_a_tag_as_that_tag(
    mirrored: PortalProcess, mirror: RegistryServer
) -> None:
    digest = mirror.push("library/redis", "7", image_of([random_layer(1000, seed=7)]))
    project = mirrored.project("digests")
    plain = mirrored.run_import(project, f"redis@{digest}")
    assert (plain["status"], plain["target_tag"], plain["digest"]) == ("success", "latest", digest)
    both = mirrored.run_import(project, f"redis:7@{digest}")
    assert (both["status"], both["target_tag"], both["source_image"]) == (
        "success",
        "7",
        f"docker.io/library/redis:7@{digest}",
    )
    assert mirrored.verify("digests/redis", "7").digest == digest


def test_stages_progress_and_history_are_those_of_the_report(
    mirrored: PortalProcess, mirror: RegistryServer
) -> None:
    mirror.push("library/alpine", "3", sample_image())
    task = mirrored.run_import(mirrored.project("progress"), "alpine:3")
    assert (task["stage"], task["progress"], task["message"]) == ("done", 100, "Done")
    assert task["bytes_done"] == task["bytes_total"] > 0
    assert {layer["state"] for layer in task["layers"]} <= {"done", "exists", "mounted"}
    assert [(row["attempt"], row["outcome"]) for row in task["history"]] == [(1, "success")]


def test_a_private_source_takes_the_right_password_only(
    portal: PortalProcess, basic_registry: RegistryServer
) -> None:
    username, password = basic_registry.account
    digest = basic_registry.push("secret/app", "1", sample_image())
    project = portal.project("private-source")
    image = f"{basic_registry.host}/secret/app:1"
    good = portal.run_import(project, image, username=username, password=password)
    assert (good["status"], good["digest"], good["has_credentials"]) == ("success", digest, False), good
    wrong: list[dict[str, Any]] = [{"username": username, "password": "wrong"}, {}]
    for fields in wrong:
        bad = portal.run_import(project, image, target_tag="never", **fields)
        assert (bad["status"], bad["error_code"], bad["attempts"]) == ("failed", "unauthorized", 1), bad
        assert basic_registry.host in bad["error"]


def test_a_missing_image_and_an_unreachable_host_fail_with_their_codes(
    mirrored: PortalProcess, registry: RegistryServer
) -> None:
    project = mirrored.project("failures")
    missing = mirrored.run_import(project, f"{registry.host}/no/such:image")
    assert (missing["status"], missing["error_code"], missing["attempts"]) == ("failed", "not_found", 1), (
        missing
    )
    gone = mirrored.run_import(project, f"127.0.0.1:{free_port()}/any/thing", timeout=170)
    assert (gone["status"], gone["error_code"]) == ("failed", "unreachable"), gone


def test_the_message_follows_the_readers_language(portal: PortalProcess, registry: RegistryServer) -> None:
    registry.push("lang/app", "1", sample_image())
    project = portal.project("language")
    task = portal.run_import(project, f"{registry.host}/lang/app:1")
    path = f"/projects/{project}/images/import/{task['id']}"
    assert portal.call("GET", path, Accept_Language="zh-CN").json()["message"] == "完成"
    assert portal.call("GET", path, Accept_Language="en").json()["message"] == "Done"


def test_an_own_image_is_copied_between_projects_by_the_callers_rights(
    portal: PortalProcess, registry: RegistryServer
) -> None:
    digest = registry.push("own/app", "1", sample_image())
    first = portal.project("own-first")
    portal.run_import(first, f"{registry.host}/own/app:1", target_name="app")
    second = portal.project("own-second")
    task = portal.run_import(second, f"{portal.registry_host}/own-first/app:1", target_name="copy")
    assert (task["status"], task["digest"]) == ("success", digest), task
    missing = portal.run_import(second, f"{portal.registry_host}/no-such-project/app:1")
    assert (missing["status"], missing["error_code"]) == ("failed", "not_found"), missing


def test_repeating_an_import_moves_no_blob_byte(portal: PortalProcess, registry: RegistryServer) -> None:
    registry.push("again/app", "1", image_of([random_layer(300_000, seed=11)]))
    project = portal.project("again")
    portal.run_import(project, f"{registry.host}/again/app:1")
    second = portal.run_import(project, f"{registry.host}/again/app:1")
    assert second["status"] == "success"
    assert second["bytes_reused"] == second["bytes_total"]
    assert {layer["state"] for layer in second["layers"]} == {"exists"}
