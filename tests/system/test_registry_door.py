"""The registry's own door on the whole product, as `make run` starts it: sign-in, push, list, pull, delete."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stack.push import basic, push_image
from stack.sample import sample_image
from testbed.engine import DockerEngine
from testbed.images import random_image
from testbed.portal import ADMIN, PortalProcess
from testbed.services import RegistryServer

pytestmark = pytest.mark.timeout(300)

#: A push shows on the page within this time on a busy machine, seconds; the rounds that look for what no report
#: named take longer.
SHOWN = 120.0


def skopeo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["skopeo", *arguments], capture_output=True, text=True, timeout=60, check=False)


def shown_after(look: Callable[[], object]) -> float:
    """Seconds until ``look`` finds something."""
    began = time.monotonic()
    while not look():
        assert time.monotonic() - began < SHOWN, "not shown in time"
        time.sleep(0.1)
    return time.monotonic() - began


def rows(portal: PortalProcess, project: str) -> dict[str, dict[str, object]]:
    found = portal.call("GET", f"/projects/{project}/images").json()["results"]
    return {f"{row['repository']}:{row['tag']}": row for row in found}


def test_a_robot_pushes_and_the_page_shows_it_and_strangers_are_refused(
    portal: PortalProcess, registry: RegistryServer
) -> None:
    project = portal.project("door-robots")
    robot = portal.call("POST", f"/projects/{project}/robots", {"name": "ci", "access": "push"}).json()
    creds = f"{robot['username']}:{robot['secret']}"
    registry.push("door/app", "1", sample_image())
    source = f"docker://{registry.host}/door/app:1"
    target = f"docker://{portal.registry_host}/door-robots/app:1"
    plain = ("--src-tls-verify=false", "--dest-tls-verify=false", "--all")
    assert skopeo("copy", *plain, "--dest-no-creds", source, target).returncode != 0
    pushed = skopeo("copy", *plain, f"--dest-creds={creds}", source, target)
    assert pushed.returncode == 0, pushed.stderr
    shown_after(lambda: rows(portal, project))
    row = rows(portal, project)["app:1"]
    assert row["digest"] == sample_image().digest
    assert row["platforms"] == ["linux/amd64", "linux/arm64"]
    assert skopeo("inspect", "--tls-verify=false", "--no-creds", target).returncode != 0
    assert portal.call("PATCH", f"/projects/{project}", {"visibility": "public"}).status_code == 200
    assert skopeo("inspect", "--tls-verify=false", "--no-creds", target).returncode == 0


def test_docker_pushes_and_pulls_and_both_are_seen(
    portal: PortalProcess, docker_engine: DockerEngine, tmp_path: Path
) -> None:
    project = portal.project("door-docker")
    image = random_image([30_000], seed=11)
    headers = basic(ADMIN, portal.password)
    token = portal.token
    docker_engine.docker("login", "-u", ADMIN, "-p", token, portal.registry_host, config=tmp_path)
    push_with_docker(portal, docker_engine, tmp_path, headers, image)
    shown_after(lambda: "app:v2" in rows(portal, project))
    docker_engine.docker("rmi", f"{portal.registry_host}/door-docker/app:v2")
    docker_engine.docker("pull", f"{portal.registry_host}/door-docker/app:v2", config=tmp_path)
    shown_after(lambda: rows(portal, project)["app:v2"]["pull_count"])
    row = rows(portal, project)["app:v2"]
    assert row["last_pulled_at"] is not None
    assert portal.call("DELETE", f"/projects/{project}/images/{row['id']}").status_code == 204
    assert "app:v2" not in rows(portal, project)
    with pytest.raises(subprocess.CalledProcessError):
        docker_engine.docker("pull", f"{portal.registry_host}/door-docker/app:v2", config=tmp_path)


def push_with_docker(portal, engine, config, headers, image) -> None:  # type: ignore[no-untyped-def]
    """An image comes into the Engine by the registry itself, then goes back under another name."""
    seed = f"{portal.registry_host}/door-docker/seed:1"
    exchange(portal, headers, image)
    engine.docker("pull", seed, config=config)
    engine.docker("tag", seed, f"{portal.registry_host}/door-docker/app:v2")
    engine.docker("push", f"{portal.registry_host}/door-docker/app:v2", config=config)


def exchange(portal, headers, image) -> None:  # type: ignore[no-untyped-def]
    import requests

    answer = requests.get(
        f"{portal.url}/service/token",
        params={"service": "registry-portal", "scope": "repository:door-docker/seed:pull,push"},
        headers=headers,
        timeout=20,
    )
    bearer = {"Authorization": f"Bearer {answer.json()['token']}"}
    push_image(portal.services["registry_url"], "door-docker/seed", "1", image, headers=bearer)
