"""The embedded Redis: loopback only, with a password, its data kept in an append-only file."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

from stack.services.ports import LOOPBACK
from stack.services.spec import ServiceSpec, Stopping
from stack.services.tools import redis_program

#: What Redis says on every start and stop, whatever its log level.
NOISE = re.compile(
    r"oO0OoO0|# Redis version=|# Configuration loaded|# Server initialized|overcommit_memory"
    r"|signal-handler|# User requested shutdown|# Redis is now ready to exit"
)

CONFIG = """\
bind {host}
port {port}
protected-mode yes
requirepass {password}
dir "{data}"
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
loglevel warning
always-show-logo no
daemonize no
supervised no
"""


def redis_service(*, directory: Path, port: int, password: str, name: str = "redis") -> ServiceSpec:
    """A Redis on ``127.0.0.1:port`` whose data and configuration live in ``directory``.

    :raises stack.services.tools.MissingTool: there is no Redis here.
    """
    program = redis_program(directory)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    config = directory / "redis.conf"
    text = CONFIG.format(host=LOOPBACK, port=port, password=password, data=directory.resolve())
    write_private(config, text)
    return ServiceSpec(
        name=name,
        argv=[*program.prefix, str(config)],
        ready=lambda: answers_ping(port, password),
        noise=NOISE,
        stopping=Stopping(death_signal="SIGTERM"),  # a killed runner should not cost the last second of data
    )


def redis_url(port: int, password: str) -> str:
    """The URL of such a Redis."""
    return f"redis://:{password}@{LOOPBACK}:{port}/0"


def answers_ping(port: int, password: str) -> bool:
    """A Redis with this password has loaded its data and takes commands."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1) as connection:
            connection.settimeout(1)
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode("ascii"))
            answer = b""
            while answer.count(b"\n") < 2:
                if not (received := connection.recv(256)):
                    return False
                answer += received
    except OSError:
        return False
    return answer == b"+OK\r\n+PONG\r\n"


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step; only its owner can read it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)
