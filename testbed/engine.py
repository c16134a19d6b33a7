"""A Docker Engine of one's own: no network set-up, its own data, its own socket."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from stack.install.system import search_path
from stack.services.spec import ServiceSpec, Stopping, Surroundings
from testbed.processes import Running


@dataclass
class DockerEngine:
    """A running dockerd."""

    running: Running
    socket: Path

    @property
    def host(self) -> str:
        """What DOCKER_HOST takes."""
        return f"unix://{self.socket}"

    def docker(self, *arguments: str, config: Path | None = None) -> str:
        """Run the docker client against it; its output. Raises ``CalledProcessError`` with the output if it fails."""
        env = {**os.environ, "DOCKER_HOST": self.host}
        if config is not None:
            env["DOCKER_CONFIG"] = str(config)
        done = subprocess.run(
            ["docker", *arguments],
            env=env,
            check=True,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        return done.stdout

    def images(self) -> set[str]:
        """The tags that it holds."""
        return {
            line
            for line in self.docker("images", "--format", "{{.Repository}}:{{.Tag}}").splitlines()
            if line
        }


def start_engine(directory: Path) -> DockerEngine:
    """Start a dockerd with all of its state in ``directory``."""
    directory.mkdir(parents=True, exist_ok=True)
    # A socket's path may have 107 bytes only, and pytest's directories are long.
    run = Path(f"/run/portal-tests-{os.getpid()}-{abs(hash(directory)) % 10**6}")
    run.mkdir(mode=0o700, exist_ok=True)
    path = run / "docker.sock"
    dockerd = shutil.which("dockerd", path=search_path())
    assert dockerd, "dockerd is missing: make install does not bring it, make test does"
    spec = ServiceSpec(
        name="dockerd",
        argv=[
            *(dockerd, "--bridge=none", "--iptables=false", "--ip6tables=false", "--host", f"unix://{path}"),
            *("--data-root", str(directory / "data"), "--exec-root", str(run / "exec")),
            *("--pidfile", str(run / "docker.pid"), "--group", "root"),
        ],
        ready=lambda: engine_answers(path),
        surroundings=Surroundings({"PATH": search_path()}),
        stopping=Stopping(seconds=20),
    )
    return DockerEngine(Running(spec, directory / "dockerd.log").start(timeout=60), path)


def stop_engine(engine: DockerEngine) -> None:
    """Stop it and remove its runtime directory."""
    engine.running.stop()
    shutil.rmtree(engine.socket.parent, ignore_errors=True)


def engine_answers(path: Path) -> bool:
    """An Engine answers on this socket."""
    connection = HTTPConnection("localhost", timeout=3)
    try:
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(3)
        connection.sock.connect(str(path))
        connection.request("GET", "/version")
        return "Version" in json.loads(connection.getresponse().read())
    except (OSError, ValueError, HTTPException):
        return False
    finally:
        connection.close()
