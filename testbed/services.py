"""Real Redis, real CNCF Distribution and real PostgreSQL on free loopback ports, each with its own directory."""

from __future__ import annotations

import contextlib
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from stack.push import basic, push_image
from stack.reader import Reader, ReadImage
from stack.sample import Image
from stack.services.ports import LOOPBACK, free_port, is_free
from stack.services.redis_server import redis_service, redis_url
from stack.services.registry_server import (
    BasicAuth,
    Listener,
    Notifications,
    RegistryPlan,
    TokenAuth,
    registry_service,
)
from stack.services.spec import ServiceSpec, Stopping, Surroundings
from testbed.processes import Running

TRIES = 5
PASSWORD = "redis-test-password"


def start_on_free_port(make: Callable[[int], ServiceSpec], log: Path) -> tuple[Running, int]:
    """Start a service on a free port, on another one if someone takes it in between."""
    for attempt in range(TRIES):
        port = free_port()
        running = Running(make(port), log)
        try:
            return running.start(), port
        except AssertionError:
            if attempt == TRIES - 1 or is_free(port):
                raise
    raise AssertionError("the last try either returned or raised")


@dataclass
class RedisServer:
    """A Redis of one's own: stop, kill, freeze and restart it as the test likes."""

    running: Running
    port: int

    @property
    def url(self) -> str:
        """What REDIS_URL takes."""
        return redis_url(self.port, PASSWORD)


def start_redis(directory: Path) -> RedisServer:
    """Start a Redis with its data in ``directory``."""
    directory.mkdir(parents=True, exist_ok=True)

    def make(port: int) -> ServiceSpec:
        return redis_service(directory=directory, port=port, password=PASSWORD)

    return RedisServer(*start_on_free_port(make, directory / "redis.log"))


@dataclass
class RegistryServer:
    """A registry of one's own."""

    running: Running
    plan: RegistryPlan

    @property
    def url(self) -> str:
        """What REGISTRY_URL takes."""
        return self.plan.url

    @property
    def host(self) -> str:
        """``host:port``, as references and IMPORT_PRIVATE_SOURCES name it."""
        return self.plan.http.address

    @property
    def account(self) -> tuple[str, str]:
        """The first basic account; two empty strings if there is none."""
        accounts = self.plan.auth.accounts if isinstance(self.plan.auth, BasicAuth) else {}
        return next(iter(accounts.items()), ("", ""))

    def push(self, repository: str, tag: str | None, image: Image) -> str:
        """Put an image there; its digest."""
        headers = basic(*self.account) if self.account[0] else {}
        return push_image(self.url, repository, tag, image, headers=headers)

    def reader(self) -> Reader:
        """An independent reader with the account of this registry."""
        username, password = self.account
        return Reader(self.url, username=username, password=password)

    def verify(self, repository: str, reference: str) -> ReadImage:
        """Read an image and every byte below it; raises ``stack.reader.ReadError`` if anything is amiss."""
        return self.reader().verify(repository, reference)

    def blob_path(self, digest: str) -> Path:
        """The file that holds a blob, for tests that damage or remove it."""
        algorithm, _, name = digest.partition(":")
        root = self.plan.directory / "data/docker/registry/v2/blobs"
        return root / algorithm / name[:2] / name / "data"


def start_registry(
    directory: Path,
    *,
    auth: TokenAuth | BasicAuth | None = None,
    notifications: Notifications | None = None,
    tls: tuple[Path, Path] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> RegistryServer:
    """Start a Distribution registry with its data in ``directory``."""
    directory.mkdir(parents=True, exist_ok=True)

    def plan(port: int) -> RegistryPlan:
        return RegistryPlan(
            directory, Listener(port, tls=tls), auth=auth, notifications=notifications, extra=extra or {}
        )

    running, port = start_on_free_port(lambda port: registry_service(plan(port)), directory / "registry.log")
    return RegistryServer(running, plan(port))


@dataclass
class PostgresServer:
    """A PostgreSQL of one's own."""

    running: Running
    port: int
    host: str = LOOPBACK

    def url(self, database: str = "postgres") -> str:
        """What DATABASE_URL takes."""
        return f"postgres://portal:portal@{self.host}:{self.port}/{database}"


def start_postgres(
    directory: Path,
    *,
    host: str = LOOPBACK,
    seed: Path | None = None,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> PostgresServer:
    """Make and start a database cluster in ``directory``, as an unprivileged user where we are root.

    :param host: the address of this machine that it listens on.
    :param seed: a ``directory`` of one that was stopped: the new one begins as its copy.
    :param settings: other ones than tests have.
    """
    binaries = Path(max(glob.glob("/usr/lib/postgresql/*/bin")))
    data = directory / "data"
    data.mkdir(parents=True)
    user = unprivileged_user()
    if user:
        shutil.chown(data, user, user)
        let_pass(data)
    # The change of user undoes the tie to this process's life, so it is made again with it.
    change = ["setpriv", "--reuid", user, "--regid", user, "--init-groups", "--pdeathsig", "SIGQUIT", "--"]
    become = change if user else []
    if seed is None:
        _make_cluster(data, become, binaries)
    else:
        subprocess.run(["cp", "-a", f"{seed / 'data'}/.", data], check=True)
    options = {
        "listen_addresses": host,
        "unix_socket_directories": "",
        "fsync": "off",
        "max_connections": "200",
        **settings,
    }

    def make(port: int) -> ServiceSpec:
        arguments = [f"--{name}={value}" for name, value in (options | {"port": str(port)}).items()]
        return ServiceSpec(
            name="postgres",
            argv=[*become, str(binaries / "postgres"), "-D", str(data), *arguments],
            ready=lambda: _accepts_postgres(host, port),
            surroundings=Surroundings(cwd=Path("/")),
            stopping=Stopping(by=signal.SIGINT),
        )

    return PostgresServer(*start_on_free_port(make, directory / "postgres.log"), host)


def _make_cluster(data: Path, become: Sequence[str], binaries: Path) -> None:
    """An empty one, whose user ``portal`` has the password ``portal``; ``become`` goes before the command."""
    password = data.with_name("password")
    password.write_text("portal\n", encoding="ascii")
    password.chmod(0o644)
    subprocess.run(
        [
            *become,
            binaries / "initdb",
            "-D",
            data,
            "-U",
            "portal",
            "--pwfile",
            password,
            "-A",
            "scram-sha-256",
            "-N",
        ],
        check=True,
        capture_output=True,
        cwd="/",
    )
    with (data / "pg_hba.conf").open("a", encoding="ascii") as access:
        access.write("host all all samenet scram-sha-256\n")


def unprivileged_user() -> str:
    """The user that PostgreSQL runs as where we are root, since it refuses to be root; else empty."""
    if os.geteuid() != 0:
        return ""
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def let_pass(path: Path) -> None:
    """Let any user walk through the temporary directories above, which pytest makes private."""
    for parent in path.parents:
        mode = parent.stat().st_mode
        if not mode & 0o001 and parent.stat().st_uid == os.geteuid():
            parent.chmod(mode | 0o001)


def _accepts_postgres(host: str, port: int) -> bool:
    import psycopg

    try:
        psycopg.connect(f"postgres://portal:portal@{host}:{port}/postgres", connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


@contextlib.contextmanager
def silent_port() -> Iterator[int]:
    """A port that takes connections and never answers: a hanging service."""
    with socket.create_server((LOOPBACK, 0)) as server:
        yield server.getsockname()[1]
