"""A master, its replica and three Sentinels on loopback, each a process of its own with a folder of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import redis

from stack.services.ports import LOOPBACK
from stack.services.redis_server import CONFIG, answers_ping
from stack.services.spec import ServiceSpec, Stopping
from stack.services.tools import redis_program
from testbed.services import PASSWORD, RedisServer, start_on_free_port

#: Case and underscore count in a master's name.
MASTER: Final = "Portal_main"
SENTINEL_PASSWORD: Final = "sentinel-test-password"

_REPLICATION: Final = """\
masterauth {password}
repl-diskless-sync-delay 0
"""
SENTINEL: Final = """\
bind {host}
port {port}
dir "{data}"
requirepass {own}
sentinel sentinel-pass {own}
sentinel monitor {master} {host} {master_port} 2
sentinel auth-pass {master} {password}
sentinel down-after-milliseconds {master} 1500
sentinel failover-timeout {master} 5000
"""


@dataclass
class Sentinels:
    """The five processes."""

    master: RedisServer
    replica: RedisServer
    watching: list[RedisServer]

    @property
    def url(self) -> str:
        """What REDIS_URL takes."""
        hosts = ",".join(f"{LOOPBACK}:{each.port}" for each in self.watching)
        return f"redis+sentinel://:{PASSWORD}@{hosts}/{MASTER}/0?sentinel_password={SENTINEL_PASSWORD}"

    def master_port(self) -> int:
        """The port of whichever server is the master, as a Sentinel says; 0 while it says none."""
        with redis.Redis(LOOPBACK, self.watching[0].port, password=SENTINEL_PASSWORD) as asked:
            found = asked.sentinel_masters().get(MASTER)
        return int(found["port"]) if found else 0

    def until_failed_over(self, *, timeout: float = 90.0) -> None:
        """Until the replica is the master for all Sentinels.

        :raises AssertionError: it is not within ``timeout`` seconds.
        """
        _until(lambda: self.master_port() == self.replica.port, timeout, "the replica is not made the master")

    def stop(self) -> None:
        """Sentinels first, so that none of them calls for help."""
        for each in [*self.watching, self.replica, self.master]:
            each.running.stop()


def start_sentinels(directory: Path) -> Sentinels:
    """Start all five, and wait until a failover could be carried out."""
    master = _server(directory / "master", "")
    replica = _server(directory / "replica", f"replicaof {LOOPBACK} {master.port}\n")
    watching = [_sentinel(directory / f"sentinel-{number}", master.port) for number in range(3)]
    found = Sentinels(master, replica, watching)
    _until(
        lambda: all(_is_ready(each.port) for each in watching), 60.0, "the Sentinels don't find each other"
    )
    return found


def _server(directory: Path, more: str) -> RedisServer:
    def text(port: int) -> str:
        written = CONFIG.format(host=LOOPBACK, port=port, password=PASSWORD, data=directory)
        return written + _REPLICATION.format(password=PASSWORD) + more

    return _start(directory, text, PASSWORD)


def _sentinel(directory: Path, master_port: int) -> RedisServer:
    def text(port: int) -> str:
        return SENTINEL.format(
            host=LOOPBACK, port=port, data=directory, own=SENTINEL_PASSWORD, master=MASTER,
            master_port=master_port, password=PASSWORD,
        )  # fmt: skip

    return _start(directory, text, SENTINEL_PASSWORD, "--sentinel")


def _start(directory: Path, text: Callable[[int], str], password: str, *options: str) -> RedisServer:
    """Sentinels and failovers write into the configuration, so a restart goes on with what it says by then."""
    directory.mkdir(parents=True)

    def make(port: int) -> ServiceSpec:
        config = directory / "redis.conf"
        config.write_text(text(port), encoding="utf-8")
        return ServiceSpec(
            name=directory.name,
            argv=[*redis_program(directory).prefix, str(config), *options],
            ready=lambda: answers_ping(port, password),
            stopping=Stopping(death_signal="SIGTERM"),
        )

    return RedisServer(*start_on_free_port(make, directory / "redis.log"))


def _is_ready(port: int) -> bool:
    """Knows the master, its replica with its data, and both other Sentinels."""
    with redis.Redis(LOOPBACK, port, password=SENTINEL_PASSWORD) as asked:
        found = asked.sentinel_masters().get(MASTER)
        if not found or found["num-other-sentinels"] < 2:
            return False
        replicas = asked.sentinel_slaves(MASTER)
    return [each["master-link-status"] for each in replicas] == ["ok"]


def _until(holds: Callable[[], bool], seconds: float, otherwise: str) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.1)
