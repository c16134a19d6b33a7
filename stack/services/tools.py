"""Finds the programs of the embedded services: on PATH (where Debian's packages put them too), else by Docker."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stack.install.system import search_path

REDIS_IMAGE = "redis:7"
REGISTRY_IMAGE = "registry:2"


class MissingTool(Exception):
    """A program that is needed is nowhere; the text says what to do."""


@dataclass(frozen=True)
class Program:
    """How to start a program: the beginning of its argument vector."""

    prefix: Sequence[str]
    #: A client of Docker must be asked politely to stop, since its container would outlive a killed client.
    by_docker: bool = False


def find(*names: str) -> str | None:
    """The first of these programs that is installed."""
    return next((path for name in names if (path := shutil.which(name, path=search_path()))), None)


def redis_program(data_dir: Path) -> Program:
    """A Redis server, to be followed by the path of its configuration file.

    :raises MissingTool: there is none.
    """
    if path := find("redis-server", "valkey-server"):
        return Program([path])
    if _docker_works():
        return Program([*_docker_run(data_dir), REDIS_IMAGE, "redis-server"], by_docker=True)
    raise MissingTool(
        "There is no Redis here. Install it (apt-get install redis-server), start Docker, "
        "or name one that runs: REDIS_URL=redis://host:6379/0"
    )


def registry_program(data_dir: Path) -> Program:
    """A CNCF Distribution registry, to be followed by the path of its configuration file.

    :raises MissingTool: there is none.
    """
    for name in ("docker-registry", "registry"):
        path = find(name)
        if path and _is_distribution(path):
            return Program([path, "serve"])
    if _docker_works():
        return Program([*_docker_run(data_dir), REGISTRY_IMAGE, "serve"], by_docker=True)
    raise MissingTool(
        "There is no registry here. Install it (apt-get install docker-registry), start Docker, "
        "or name one that runs: REGISTRY_URL=http://host:5000"
    )


def _is_distribution(path: str) -> bool:
    """Other programs are called ``registry`` too."""
    try:
        found = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return "distribution" in found.stdout + found.stderr


def _docker_works() -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    try:
        return subprocess.run([docker, "info"], capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _docker_run(data_dir: Path) -> list[str]:
    path = str(data_dir.resolve())
    return [
        "docker",
        "run",
        "--rm",
        "--init",
        "--network",
        "host",
        "--volume",
        f"{path}:{path}",
        "--entrypoint",
        "",
    ]
