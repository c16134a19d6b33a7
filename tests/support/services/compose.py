"""The stack of docker-compose.yml on one Engine, for the tests of Compose."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import requests

from stack.paths import ROOT
from stack.push import push_image
from stack.reader import Reader
from stack.services.ports import free_port
from testbed.engine import DockerEngine
from testbed.images import random_image
from testbed.portal import ENDED

#: What runs for as long as the stack is up.
SERVICES: Final = ("worker", "redis", "web", "beat", "registry", "front", "database")
SHIM = """#!/bin/sh
if [ "$1" = compose ]; then shift; exec docker-compose "$@"; fi
exec {docker} "$@"
"""


def until(condition: Callable[[], bool], *, seconds: float = 180.0) -> None:
    """Wait for a condition; a server that does not answer yet is asked again."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except requests.ConnectionError:
            if time.monotonic() > deadline:
                raise
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.1)


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
            "DATABASE_CONNECTIONS": "120",
        }
        self.password = ""
        self.token = ""
        self._project = ""

    def build(self, **arguments: str) -> None:
        """The image, in this machine's own network: the Engine's reaches nothing."""
        given = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
        subprocess.run(
            ["docker", "build", "--network", "host", *given, "--tag", "registry-portal:latest", "."],
            cwd=ROOT,
            env=self.env,
            check=True,
        )

    def guide(self, name: str, directory: Path) -> str:
        """Run a block of docs/operation.md as it is written, in ``directory``; what it prints."""
        text = (ROOT / "docs" / "operation.md").read_text(encoding="utf-8")
        block = re.search(rf"^```sh compose {name}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        assert block, name
        shim = directory / "bin" / "docker"
        shim.parent.mkdir(exist_ok=True)
        # `docker compose` is a plugin that not every Engine has; docker-compose takes the same arguments.
        shim.write_text(SHIM.format(docker=shutil.which("docker")), encoding="utf-8")
        shim.chmod(0o755)
        env = {
            **self.env,
            "PATH": f"{shim.parent}{os.pathsep}{self.env['PATH']}",
            "COMPOSE_FILE": str(ROOT / "docker-compose.yml"),
        }
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block[1]],
            cwd=directory,
            env=env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-4000:]
        return done.stdout

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
        if not self._project:
            self._project = str(self.call("GET", "/projects").json()["results"][0]["id"])
        return self._project

    def push_source(self, repository: str, tag: str, size: int) -> str:
        # Content of its own: what is there already would not be moved again.
        image = random_image([size, size // 2], seed=zlib.crc32(repository.encode()))
        return push_image(f"http://localhost:{self.source_port}", repository, tag, image)

    def submit(self, project: str, image: str) -> str:
        answer = self.call("POST", f"/projects/{project}/images/import", {"image_url": image})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def import_slowly(self, repository: str) -> tuple[str, str]:
        """Begin an import that takes seconds; digest and task once its bytes move."""
        digest = self.push_source(repository, "1", 30_000_000)
        task = self.submit(self.project(), f"source:5000/{repository}:1")
        until(lambda: self.task(self.project(), task)["bytes_done"] > 0)
        assert self.task(self.project(), task)["status"] == "running"
        return digest, task

    def slow_down(self, container: str) -> None:
        """Let what a container sends take its time: eight megabytes a second."""
        pid = json.loads(self.engine.docker("inspect", container))[0]["State"]["Pid"]
        shape = [
            "qdisc",
            "add",
            "dev",
            "eth0",
            "root",
            "tbf",
            "rate",
            "64mbit",
            "burst",
            "64kb",
            "latency",
            "400ms",
        ]
        subprocess.run(["nsenter", "--target", str(pid), "--net", "tc", *shape], check=True)

    def task(self, project: str, task: str) -> dict[str, Any]:
        return dict(self.call("GET", f"/projects/{project}/images/import/{task}").json())

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
