"""First pulls by Docker's Engine, and by Podman with the configuration that the portal writes for it."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import tempfile
from pathlib import Path

import pytest

from stack.push import push_image
from testbed.engine import DockerEngine
from testbed.images import random_image
from testbed.portal import PortalProcess
from testbed.scripted_registry import ScriptedRegistry
from tests.system.test_first_pull import House, source, written
from workloads.clients.configurations import Account

__all__ = ["source"]

pytestmark = pytest.mark.timeout(300)


def test_docker_pulls_what_is_missing_by_tag_and_by_digest(
    portal: PortalProcess, source: ScriptedRegistry, docker_engine: DockerEngine, tmp_path: Path
) -> None:
    house = House(portal, "pull-docker")
    by_tag, by_digest = random_image([40_000], seed=71), random_image([50_000], seed=72)
    source.add_image("ns/app", "1", by_tag)
    source.add_image("ns/other", "x", by_digest)
    username, _, secret = house.robot().partition(":")
    docker_engine.docker("login", "-u", username, "-p", secret, portal.registry_host, config=tmp_path)
    here = f"{portal.registry_host}/{house.name}/{written(source.server_name)}"
    for name, image in (
        (f"{here}/ns/app:1", by_tag),
        (f"{here}/ns/other@{by_digest.digest}", by_digest),
    ):
        said = docker_engine.docker("pull", name, config=tmp_path)
        assert f"Digest: {image.digest}" in said
    assert {row["requested_by"] for row in house.tasks()} == {username}
    assert {row["status"] for row in house.tasks()} == {"success"}
    # What is not there, Docker tells with the portal's own sentence.
    with pytest.raises(subprocess.CalledProcessError) as refused:
        docker_engine.docker("pull", f"{here}/ns/none:1", config=tmp_path)
    assert "ns/none:1" in refused.value.stdout


def test_podman_takes_images_from_here_under_their_usual_names_with_the_registries_away(
    portal: PortalProcess, source: ScriptedRegistry, tmp_path: Path
) -> None:
    house = House(portal, "pull-podman", naming="full")
    missing, here = random_image([40_000], seed=73), random_image([50_000], seed=74)
    source.add_image("ns/app", "1", missing)
    push_image(
        f"http://{portal.registry_host}",
        f"{house.name}/docker.io/library/x",
        "1",
        here,
        headers=house.bearer("docker.io/library/x", actions="pull,push"),
    )
    creds = house.robot()
    podman = Podman(tmp_path, configuration(house, "docker.io", source.server_name), creds)
    assert podman.pull("docker.io/library/x:1") == here.digest
    # A first pull comes the same way, and the client never asks the registry itself.
    assert podman.pull(f"{source.server_name}/ns/app:1") == missing.digest
    (task,) = house.tasks()
    assert (task["target_image"], task["requested_by"]) == (
        f"{portal.registry_host}/{house.name}/{written(source.server_name)}/ns/app:1",
        creds.partition(":")[0],
    )
    assert {each.headers["user-agent"].partition("/")[0] for each in source.requests} == {"registry-portal"}


def configuration(house: House, *registries: str) -> dict[str, str]:
    """Name of each file, and its text."""
    query = f"for=podman&registries={','.join(registries)}"
    text = house.portal.call("GET", f"/projects/{house.id}/client-config?{query}").text
    parts = re.split(r"^# file: (.+)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


class Podman:
    """Podman with images and settings of its own. No registry but those on loopback can be reached."""

    def __init__(self, directory: Path, files: dict[str, str], creds: str) -> None:
        (registries,) = [text for path, text in files.items() if "/registries.conf.d/" in path]
        (accounts,) = [text for path, text in files.items() if path.endswith("/auth.json")]
        accounts = accounts.replace(Account().basic, base64.b64encode(creds.encode()).decode())
        (directory / "registries.conf").write_text(registries, encoding="utf-8")
        (directory / "auth.json").write_text(accounts, encoding="utf-8")
        # Podman takes no path of more than 50 characters here.
        self._short = tempfile.TemporaryDirectory(dir="/tmp")
        self._program = ["podman", "--root", str(directory / "images"), "--runroot", self._short.name]
        self._program += ["--storage-driver", "vfs", "--tmpdir", str(directory / "tmp")]
        self._env = {
            **os.environ,
            "CONTAINERS_REGISTRIES_CONF": str(directory / "registries.conf"),
            "REGISTRY_AUTH_FILE": str(directory / "auth.json"),
            "HTTPS_PROXY": "http://127.0.0.1:9",
        }

    def pull(self, name: str) -> str:
        """Its digest."""
        self._run("pull", "--quiet", name)
        return self._run("image", "inspect", "--format", "{{.Digest}}", name).strip()

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self._program, *arguments],
            env=self._env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout
