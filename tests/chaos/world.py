"""What a chaos run breaks: a whole portal, its source, target, Redis and database."""

from __future__ import annotations

import sqlite3
import tempfile
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final, Self

import psycopg

from testbed.portal import PortalProcess
from testbed.processes import Running
from testbed.scripted_http import ScriptedServer
from testbed.scripted_registry import Act
from testbed.services import (
    PostgresServer,
    RedisServer,
    RegistryServer,
    start_postgres,
    start_redis,
    start_registry,
)
from testbed.tcp_proxy import TcpProxy
from testbed.throttle import Throttle
from tests.chaos.tenants import Players
from tests.support.house import KIB, QUICK, House, open_house
from tests.support.watching import Watch

MOST, MAX_OF_PROJECT = 4, 3
#: Bytes a second of each blob, so that an import lasts long enough to be hit.
RATE: Final = 600 * KIB
#: Planted as source passwords: they may be seen nowhere.
SECRETS: Final = tuple(f"canary-{word}-7f3a9c" for word in ("alpha", "bravo", "charlie"))
#: No import may reach this address: it is loopback, but not among the allowed sources.
FORBIDDEN: Final = "127.0.0.77"


class World:
    """Use it as a context manager; everything that it started ends with it.

    :param database: ``sqlite`` or ``postgres``.
    """

    def __init__(self, database: str) -> None:
        self._stack = ExitStack()
        self.database = database
        self.directory = Path(tempfile.mkdtemp(prefix="portal-chaos-"))
        self.postgres: PostgresServer | None = None
        self.database_wire: TcpProxy | None = None
        self.lure: tuple[str, Act] | None = None
        self.slow = Throttle(RATE)
        #: Submissions that were refused though nothing was wrong with them.
        self.refused: list[str] = []
        #: Faults that could not be thrown, or not be healed: defects of the run, not of the portal.
        self.broken: list[str] = []
        #: The kernel ties a service to the thread that starts it, so this one thread lives as long as the run.
        self._starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="starter")
        self._stack.callback(self._starter.shutdown)
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start(self) -> None:
        stack = self._stack
        self.redis: RedisServer = start_redis(self.directory / "redis")
        stack.callback(self.redis.running.stop)
        self.target: RegistryServer = start_registry(self.directory / "target")
        stack.callback(self.target.running.stop)
        self.target_wire = stack.enter_context(
            TcpProxy((self.target.plan.http.host, self.target.plan.http.port))
        )
        self.forbidden = stack.enter_context(ScriptedServer(host=FORBIDDEN))
        env = {
            **QUICK,
            "REDIS_URL": self.redis.url,
            "REGISTRY_URL": f"http://{self.target_wire.address}",
            "REGISTRY_AUTH": "none",
            "IMPORT_PRIVATE_SOURCES": "127.0.0.1",
            "IMPORT_INSECURE_SOURCES": f"127.0.0.1,{FORBIDDEN}",
            "IMPORT_MAX_RUNNING": str(MOST),
            "IMPORT_MAX_RUNNING_PER_PROJECT": str(MAX_OF_PROJECT),
            "IMPORT_MAX_ATTEMPTS": "5",
            "IMPORT_SLOW_SECONDS": "8",
            "WEBHOOK_PRIVATE_HOSTS": "127.0.0.1",
        }
        direct = self._database(env) if self.database == "postgres" else ""
        self.portal = PortalProcess(self.directory / "portal", env)
        self.portal.start(timeout=240)
        stack.callback(self._stop_portal)
        self.house: House = open_house(stack, self.portal, database_url=direct, target=self.target)
        silent, receiver = (stack.enter_context(ScriptedServer()) for _ in range(2))
        self.players = Players(self, silent, receiver)
        self.watch = stack.enter_context(
            Watch(self.house.rows, most_running=MOST, most_of_project=MAX_OF_PROJECT)
        )

    def _database(self, env: dict[str, str]) -> str:
        self.postgres = start_postgres(self.directory / "postgres")
        self._stack.callback(self.postgres.running.stop)
        name = f"chaos_{uuid.uuid4().hex[:8]}"
        with psycopg.connect(self.postgres.url(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        self.database_wire = self._stack.enter_context(TcpProxy(("127.0.0.1", self.postgres.port)))
        direct = self.postgres.url(name)
        env["DATABASE_URL"] = direct.replace(str(self.postgres.port), str(self.database_wire.port))
        return direct

    def _stop_portal(self) -> None:
        if self.portal.process is not None:
            self.portal.stop()

    def start(self, running: Running) -> None:
        """Start a service again, so that it outlives the fault that stopped it."""
        self._starter.submit(running.start).result()

    def lock_sqlite(self, seconds: float) -> None:
        """Somebody else writes for so long."""
        with closing(sqlite3.connect(self.house.rows.url, timeout=10, isolation_level=None)) as file:
            file.execute("BEGIN IMMEDIATE")
            time.sleep(seconds)
            file.execute("ROLLBACK")

    def set_rules(self) -> None:
        """The source as it is without faults: slow, and with its one lure."""
        rules = self.house.source.rules
        rules.clear()
        if self.lure is not None:
            self.house.source.rule("GET", *self.lure)
        self.players.set_rules()
        self.house.source.rule("GET", "/blobs/", self.slow)

    def heal(self) -> None:
        """Whatever was broken works again."""
        for wire in filter(None, (self.target_wire, self.database_wire)):
            wire.heal()
        self.slow.release()
        self.set_rules()

    @contextmanager
    def exclusive(self, fault: str) -> Iterator[None]:
        """One fault at a time for each service: two that stop the same process would undo each other."""
        of = next((name for name in ("redis", "target", "database", "source") if name in fault), fault)
        with self._locks[of]:
            yield
