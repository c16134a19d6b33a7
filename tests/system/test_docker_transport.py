"""The ``docker`` transport with a real Engine between two real registries."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stack.sample import image_of, index_of
from testbed.engine import DockerEngine
from testbed.images import random_layer
from testbed.portal import PortalProcess
from testbed.services import RegistryServer


@pytest.fixture(scope="module")
def dockered(make_module_portal: Callable[..., PortalProcess], docker_engine: DockerEngine) -> PortalProcess:
    return make_module_portal(IMPORT_DOCKER_ENABLED="1", DOCKER_HOST=docker_engine.host)


def test_the_engine_moves_an_image_and_keeps_nothing(
    dockered: PortalProcess, docker_engine: DockerEngine, registry: RegistryServer
) -> None:
    image = image_of([random_layer(400_000, seed=31), random_layer(200_000, seed=32)])
    digest = registry.push("engine/app", "1", image)
    before = docker_engine.images()
    project = dockered.project("engine")
    task = dockered.run_import(project, f"{registry.host}/engine/app:1", transport="docker", timeout=120)
    assert (task["status"], task["source_digest"], task["transport"]) == ("success", digest, "docker"), task
    assert dockered.verify("engine/engine/app", "1").digest == task["digest"]
    assert task["progress"] == 100
    assert task["bytes_done"] == task["bytes_total"] > 0
    assert docker_engine.images() == before


def test_one_platform_of_an_index_is_pulled_by_digest(
    dockered: PortalProcess, docker_engine: DockerEngine, registry: RegistryServer
) -> None:
    images = [
        image_of([random_layer(50_000, seed=40 + n)], platform=platform)
        for n, platform in enumerate(("linux/amd64", "linux/arm64"))
    ]
    index = registry.push("engine/multi", "1", index_of(images))
    project = dockered.project("engine-multi")
    task = dockered.run_import(
        project, f"{registry.host}/engine/multi:1", transport="docker", platforms=["linux/arm64"], timeout=120
    )
    assert (task["status"], task["source_digest"]) == ("success", index), task
    rows = dockered.call("GET", f"/projects/{project}/images").json()["results"]
    assert rows[0]["digest"] == task["digest"]


def test_a_tag_that_stood_before_stays(
    dockered: PortalProcess, docker_engine: DockerEngine, registry: RegistryServer
) -> None:
    registry.push("engine/old", "1", image_of([random_layer(10_000, seed=50)]))
    registry.push("engine/new", "1", image_of([random_layer(10_000, seed=51)]))
    name = f"{dockered.registry_host}/engine-stay/app:1"
    docker_engine.docker("pull", f"{registry.host}/engine/old:1")
    docker_engine.docker("tag", f"{registry.host}/engine/old:1", name)
    stood = docker_engine.docker("inspect", "--format", "{{.Id}}", name)
    project = dockered.project("engine-stay")
    task = dockered.run_import(
        project, f"{registry.host}/engine/new:1", target_name="app", transport="docker", timeout=120
    )
    assert task["status"] == "success", task
    assert docker_engine.docker("inspect", "--format", "{{.Id}}", name) == stood


def test_a_missing_image_and_a_wrong_password_fail_with_their_codes(
    dockered: PortalProcess, basic_registry: RegistryServer, registry: RegistryServer
) -> None:
    project = dockered.project("engine-bad")
    missing = dockered.run_import(project, f"{registry.host}/engine/none:1", transport="docker")
    assert (missing["status"], missing["error_code"]) == ("failed", "not_found"), missing
    basic_registry.push("engine/secret", "1", image_of([random_layer(10_000, seed=52)]))
    username, password = basic_registry.account
    image = f"{basic_registry.host}/engine/secret:1"
    wrong = dockered.run_import(project, image, transport="docker", username=username, password="wrong")
    assert (wrong["status"], wrong["error_code"]) == ("failed", "unauthorized"), wrong
    right = dockered.run_import(
        project, image, transport="docker", username=username, password=password, timeout=120
    )
    assert right["status"] == "success", right


def test_a_missing_engine_fails_cleanly_and_only_this_transport(
    make_portal: Callable[..., PortalProcess], registry: RegistryServer
) -> None:
    portal = make_portal(
        IMPORT_DOCKER_ENABLED="1", DOCKER_HOST="unix:///nonexistent.sock", IMPORT_MAX_ATTEMPTS="1"
    )
    registry.push("engine/other", "1", image_of([random_layer(10_000, seed=53)]))
    project = portal.project("engine-missing")
    image = f"{registry.host}/engine/other:1"
    failed = portal.run_import(project, image, transport="docker")
    assert (failed["status"], failed["error_code"]) == ("failed", "docker_unavailable"), failed
    assert portal.run_import(project, image)["status"] == "success"
