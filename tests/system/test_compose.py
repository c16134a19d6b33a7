"""The whole portal by Docker Compose, on a real Engine, with base images made on this machine.

Takes minutes and a Debian mirror, so it is no part of the usual suite: ``make compose``.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import requests

from stack.paths import BIN, ROOT
from stack.ports import free_port
from stack.push import push_image
from stack.reader import Reader
from stack.sample import random_image
from tests.support.engine import DockerEngine

pytestmark = pytest.mark.compose

ENDED = {"success", "failed", "canceled"}
#: What runs for as long as the stack is up.
SERVICES: Final = ("worker", "redis", "web", "beat", "registry", "database")


class Compose:
    """The stack of docker-compose.yml on one Engine."""

    def __init__(self, engine: DockerEngine, directory: Path) -> None:
        self.engine = engine
        self.port, self.registry_port, self.source_port = free_port(), free_port(), free_port()
        self.env = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("IMPORT_", "REGISTRY_"))
            },
            "DOCKER_HOST": engine.host,
            "COMPOSE_PROJECT_NAME": "portaltest",
            "COMPOSE_HTTP_TIMEOUT": "300",  # a busy machine takes its time
            "PORT": str(self.port),
            "PORTAL_URL": f"http://localhost:{self.port}",
            "REGISTRY_PORT": str(self.registry_port),
            "REGISTRY_PUBLIC_HOST": f"localhost:{self.registry_port}",
            "IMPORT_PRIVATE_SOURCES": "source:5000",
            "IMPORT_INSECURE_SOURCES": "source:5000",
            "IMPORT_LEASE_SECONDS": "10",
        }
        self.password = ""
        self.token = ""

    def compose(self, *arguments: str) -> str:
        done = subprocess.run(
            ["docker-compose", *arguments],
            cwd=ROOT,
            env=self.env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-4000:]
        return done.stdout

    def call(self, method: str, path: str, body: object = None) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        url = f"http://localhost:{self.port}/api/v1{path}"
        return requests.request(method, url, json=body, headers=headers, timeout=30)

    def sign_in(self) -> None:
        said = self.engine.docker("logs", "portaltest_bootstrap_1")
        found = re.search(r"shown this once: (\S+)", said)
        assert found, said
        self.password = found[1]
        answer = self.call("POST", "/auth/tokens", {"username": "admin", "password": self.password})
        assert answer.status_code == 201, answer.text
        self.token = answer.json()["token"]

    def project(self) -> str:
        return str(self.call("GET", "/projects").json()["results"][0]["id"])

    def push_source(self, repository: str, tag: str, size: int) -> str:
        image = random_image([size, size // 2], seed=size)
        return push_image(f"http://localhost:{self.source_port}", repository, tag, image)

    def submit(self, project: str, image: str) -> str:
        answer = self.call("POST", f"/projects/{project}/images/import", {"image_url": image})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def wait(self, project: str, task: str, *, timeout: float = 180.0) -> dict[str, Any]:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                found = self.call("GET", f"/projects/{project}/images/import/{task}")
            except requests.ConnectionError:
                found = None  # the web container is the one that was killed
            if found is not None and found.status_code == 200 and found.json()["status"] in ENDED:
                return dict(found.json())
            time.sleep(0.5)
        raise AssertionError(f"the import has not ended:\n{self.compose('logs', '--tail', '40', 'worker')}")

    def state(self, service: str) -> dict[str, Any]:
        return dict(json.loads(self.engine.docker("inspect", f"portaltest_{service}_1"))[0]["State"])

    def health(self) -> dict[str, str]:
        """What each service's own check says."""
        return {name: self.state(name).get("Health", {}).get("Status", "unchecked") for name in SERVICES}

    def verify(self, repository: str, tag: str) -> str:
        reader = Reader(f"http://localhost:{self.registry_port}", username="admin", password=self.password)
        return reader.verify(repository, tag).digest


@pytest.fixture(scope="module")
def stack(docker_engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    assert shutil.which("docker-compose"), "docker-compose is missing: make compose installs it"
    root = Path(os.environ.get("PORTAL_LOCAL_ROOT") or tmp_path_factory.mktemp("root"))
    env = {**os.environ, "DOCKER_HOST": docker_engine.host}
    subprocess.run([BIN / "python", "-m", "scripts.local_images", root], cwd=ROOT, env=env, check=True)
    subprocess.run(
        ["docker", "build", "--network", "host", "--tag", "registry-portal:latest", "."],
        cwd=ROOT,
        env=env,
        check=True,
    )
    found = Compose(docker_engine, root)
    try:
        found.compose("up", "-d")
        docker_engine.docker(
            *("run", "-d", "--name", "portaltest_source", "--network", "portaltest_default"),
            *("--network-alias", "source", "-p", f"127.0.0.1:{found.source_port}:5000"),
            *("--entrypoint", "sh", "registry:2.8.3", "-c", SOURCE),
        )
        _until(lambda: requests.get(f"http://localhost:{found.port}/readyz", timeout=5).status_code == 200)
        _until(
            lambda: requests.get(f"http://localhost:{found.source_port}/v2/", timeout=5).status_code == 200
        )
        found.sign_in()
        yield found
    finally:
        subprocess.run(["docker", "rm", "-f", "portaltest_source"], env=env, capture_output=True, check=False)
        found.compose("down", "-v")


#: A registry without any configuration of its own, on all addresses of its container.
SOURCE = (
    """printf '{"version": "0.1", "storage": {"filesystem": {"rootdirectory": "/tmp/data"}},"""
    """ "http": {"addr": ":5000"}}' > /tmp/source.yml && exec docker-registry serve /tmp/source.yml"""
)


def _until(condition: Callable[[], bool], *, seconds: float = 180.0) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except requests.ConnectionError:
            if time.monotonic() > deadline:
                raise
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.5)


def test_an_image_is_imported_and_arrives_intact(stack: Compose) -> None:
    digest = stack.push_source("team/app", "1", 2_000_000)
    project = stack.project()
    task = stack.wait(project, stack.submit(project, "source:5000/team/app:1"))
    assert (task["status"], task["digest"]) == ("success", digest), task
    assert stack.verify("library/team/app", "1") == digest


def test_no_container_is_root_and_every_file_system_is_read_only(stack: Compose) -> None:
    for name in stack.engine.docker("ps", "--format", "{{.Names}}").split():
        if name == "portaltest_source":
            continue
        about = json.loads(stack.engine.docker("inspect", name))[0]
        assert about["Config"]["User"] not in {"", "0", "root"}, name
        assert about["HostConfig"]["ReadonlyRootfs"], name
        assert about["HostConfig"]["CapDrop"] == ["ALL"], name
        assert about["HostConfig"]["Memory"] > 0, name


def test_every_container_says_that_it_is_healthy(stack: Compose) -> None:
    _until(lambda: set(stack.health().values()) == {"healthy"})
    assert set(stack.health()) == set(SERVICES)


def test_no_secret_stands_in_a_containers_environment(stack: Compose) -> None:
    show = "cat /config/database_password /var/lib/portal/secrets/*"
    secrets = [
        line for line in stack.compose("exec", "-T", "web", "sh", "-c", show).split() if len(line) > 20
    ]
    assert len(secrets) > 5
    shown = stack.engine.docker("inspect", *(f"portaltest_{name}_1" for name in SERVICES))
    assert not [secret for secret in secrets if secret in shown]


@pytest.mark.parametrize("service", SERVICES)
def test_killing_a_container_in_the_middle_of_an_import_loses_nothing(stack: Compose, service: str) -> None:
    digest = stack.push_source(f"team/{service}", "1", 60_000_000)
    project = stack.project()
    task = stack.submit(project, f"source:5000/team/{service}:1")
    time.sleep(0.5)
    # As a crash, not as `docker kill`: that would be the operator's will, which no restart policy undoes.
    os.kill(stack.state(service)["Pid"], signal.SIGKILL)
    found = stack.wait(project, task)
    assert (found["status"], found["digest"]) == ("success", digest), found
    assert stack.verify(f"library/team/{service}", "1") == digest
    _until(lambda: stack.health()[service] == "healthy")


def test_a_worker_that_is_stopped_in_the_middle_gives_its_import_back(stack: Compose) -> None:
    digest = stack.push_source("team/stopped", "1", 200_000_000)
    project = stack.project()
    task = stack.submit(project, "source:5000/team/stopped:1")
    time.sleep(0.7)
    stack.compose("stop", "worker")
    # Within its grace, not killed after it.
    assert stack.state("worker")["ExitCode"] == 0
    stack.compose("start", "worker")
    found = stack.wait(project, task)
    history = [(each["attempt"], each["outcome"]) for each in found["history"]]
    assert (found["status"], found["digest"]) == ("success", digest), found
    assert history == [(1, "handed_back"), (1, "success")], history


def test_a_second_up_changes_no_secret(stack: Compose) -> None:
    shown = (
        "import hashlib, pathlib;"
        "print(hashlib.sha256(pathlib.Path('/config/database_url').read_bytes()).hexdigest())"
    )
    before = stack.compose("exec", "-T", "web", "python", "-c", shown)
    stack.compose("up", "-d")
    assert stack.compose("exec", "-T", "web", "python", "-c", shown) == before
