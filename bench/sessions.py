"""How many sessions of PostgreSQL the portal holds, for its ``max_connections``: ``python -m bench.sizing --sessions``.

Counted from both sides: the sockets of each of the portal's processes, and what PostgreSQL itself says.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import psycopg

from bench.batch import batch_seconds, push_images
from bench.keepalive import ask_for
from bench.world import World
from testbed.portal import PortalProcess
from testbed.services import PostgresServer

#: The portal's processes by a part of their command lines.
KINDS: Final = {"web": "gunicorn", "worker": "registry_portal worker", "beat": "registry_portal beat"}
HEAD: Final = (
    f"| the most sessions, in brackets of one process | {' | '.join(KINDS)} | as PostgreSQL says |\n"
    f"|{'---|' * (len(KINDS) + 2)}"
)
#: How often it is looked. Seconds.
EVERY: Final = 0.1
#: More than the web processes have threads, and for how long they poll. Seconds.
CLIENTS: Final = 24
SECONDS: Final = 6.0
DATABASE: Final = "postgres"
#: Longer than CONN_MAX_AGE. Seconds.
REST: Final = 75.0
_CLIENTS: Final = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'"
)


class Watch(threading.Thread):
    """Looks again and again, and keeps the most that it saw. Use it as a context."""

    def __init__(self, portal: PortalProcess, server: PostgresServer) -> None:
        super().__init__(daemon=True)
        self._portal, self._server = portal, server
        self._over = threading.Event()
        #: The most of each kind at once, and of one process of each kind.
        self.most: Counter[str] = Counter()
        self.of_one: Counter[str] = Counter()
        self.told = 0

    def __enter__(self) -> Watch:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        # By way of a database that the portal does not use, so that this session is not counted.
        with psycopg.connect(self._server.url("template1"), autocommit=True) as connection:
            while not self._over.wait(EVERY):
                for kind, held in self._held().items():
                    self.most[kind] = max(self.most[kind], sum(held))
                    self.of_one[kind] = max(self.of_one[kind], *held)
                found = connection.execute(_CLIENTS, [DATABASE]).fetchone()
                self.told = max(self.told, found[0] if found else 0)

    def _held(self) -> dict[str, list[int]]:
        """How many each process holds, by kind."""
        ours = _sockets_to(self._server.port)
        return {
            kind: [len(ours & _sockets_of(pid)) for pid in self._portal.pids(part)] or [0]
            for kind, part in KINDS.items()
        }

    def row(self, when: str) -> str:
        cells = [f"{self.most[kind]} ({self.of_one[kind]})" for kind in KINDS]
        return f"| {when} | {' | '.join(cells)} | {self.told} |"


def busy(world: World, server: PostgresServer, tasks: list[str]) -> str:
    """A row of the table: the most sessions at once, in brackets the most of one process.

    :param tasks: imports that run meanwhile, in the project ``slow``.
    """
    project = world.portal.project("slow")
    paths = [f"/api/v1/projects/{project}/images/import/{task}" for task in tasks]
    with Watch(world.portal, server) as watch, multiprocessing.get_context("spawn").Pool(CLIENTS) as pool:
        jobs = [(world.portal.url, paths[n % len(paths)], world.portal.token) for n in range(CLIENTS)]
        pool.starmap(_poll, jobs)
    return watch.row(f"{len(tasks)} imports run, every thread of web is asked")


def ending(world: World, server: PostgresServer, running: int) -> Iterator[str]:
    """Further rows: while many small imports begin and end; and at rest after them."""
    push_images(world)
    with Watch(world.portal, server) as watch:
        batch_seconds(world)
    yield watch.row(f"small imports begin and end, {running} at a time")
    time.sleep(REST)
    with Watch(world.portal, server) as watch:
        time.sleep(10)
    yield watch.row("at rest afterwards")


def _poll(url: str, path: str, token: str) -> None:
    ask_for(url, path, token, seconds=SECONDS)


def _sockets_to(port: int) -> set[str]:
    """Inodes of this machine's connections to a port."""
    found = set()
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        _slot, _local, remote, state, *rest = line.split()
        if state == "01" and int(remote.partition(":")[2], 16) == port:
            found.add(rest[5])
    return found


def _sockets_of(pid: int) -> set[str]:
    found = set()
    with suppress(OSError):  # it may end at any moment, and its files may be closed
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                name = str(entry.readlink())
                if name.startswith("socket:["):
                    found.add(name[8:-1])
    return found
