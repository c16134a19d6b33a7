"""Asks two portals the same in turn, one with few rows and one with many, and compares their times.

Both live in processes of their own, through the whole of Django but without a server in front: what is measured is
what grows. Times are those of the processor, of Python and of the database together (SQLite runs in this process,
PostgreSQL's backend is asked for its own): others who work on the same machine don't change them.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from stack.paths import ROOT

#: A quicker answer than this, in milliseconds, is as good as any.
QUICK: Final = 3.0
#: Sums of what a project holds: they read a row for each blob of each tag, and are promised in milliseconds.
ADDS_UP: Final = frozenset({"usage, API, big", "usage, API, calm", "usage, page, big"})
#: Rows of an admin page: more than that some searches don't find among few, and what is compared is not their number.
ADMIN_ROWS: Final = 25


@dataclass(frozen=True, slots=True)
class Result:
    """Milliseconds of one case, among few rows and among many."""

    name: str
    few: float
    many: float
    queries: int
    queries_many: int
    #: The many rows' slowest statement and its milliseconds.
    slowest: str
    slowest_ms: float

    @property
    def ratio(self) -> float:
        return max(self.many, QUICK) / max(self.few, QUICK)


class Portal:
    """A process that answers requests against one database."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.scale", "answer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PORTAL_DOTENV": "", "LOG_LEVEL": "WARNING", **env},
        )

    def __enter__(self) -> Self:
        self.names: list[str] = self._read()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()

    def ask(self, name: str) -> dict[str, Any]:
        """One request: ``status``, ``ms``, ``queries``, ``slowest`` (statement, ms)."""
        assert self._process.stdin
        self._process.stdin.write(name + "\n")
        self._process.stdin.flush()
        return dict(self._read())

    def _read(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("The measured process ended; its message is above.")
        return json.loads(line)


def compare(
    few: Mapping[str, str], many: Mapping[str, str], *, rounds: int, only: str = ""
) -> Iterator[Result]:
    """Every case on both, in turn; the environments name the databases."""
    with Portal(few) as small, Portal(many) as large:
        for name in small.names:
            if only in name:
                yield _compared(name, small, large, rounds)


def _compared(name: str, small: Portal, large: Portal, rounds: int) -> Result:
    first = [small.ask(name), large.ask(name)]
    for answer in first:
        if answer["status"] != 200:
            raise SystemExit(f"{name}: {answer}")
    # What takes seconds needs no second opinion.
    rounds = rounds if max(answer["ms"] for answer in first) < 2000 else 1
    pairs = [(small.ask(name), large.ask(name)) for _ in range(rounds)]
    few, many = ([pair[side]["ms"] for pair in pairs] for side in (0, 1))
    last = pairs[-1][1]
    return Result(
        name=name,
        few=_typical(few),
        many=_typical(many),
        queries=pairs[-1][0]["queries"],
        queries_many=last["queries"],
        slowest=last["slowest"][0],
        slowest_ms=last["slowest"][1],
    )


def _typical(times: list[float]) -> float:
    """The lower quartile: caches that others have emptied make an answer slower, and nothing makes it quicker."""
    return statistics.quantiles(times, n=4)[0] if len(times) > 3 else min(times)


def answer() -> None:
    """The measured process: names in, a line of JSON each out."""
    from django.conf import settings
    from django.contrib import admin
    from django.contrib.auth.models import User
    from django.test import Client

    from bench.scale.cases import cases

    settings.ALLOWED_HOSTS = ["*"]
    for lists in admin.site._registry.values():
        type(lists).list_per_page = ADMIN_ROWS
    known = cases()
    clients = {}
    for kind, user in {
        "admin": User.objects.get(username="admin"),
        "member": User.objects.get(username="user1"),
    }.items():
        clients[kind] = Client(SERVER_NAME="localhost")
        clients[kind].force_login(user)
    print(json.dumps(list(known)), flush=True)
    for line in sys.stdin:
        name = line.strip()
        client = clients["admin" if name.startswith(("admin", "journal")) else "member"]
        print(json.dumps(_ask(client, known[name])), flush=True)


def _ask(client: Any, url: str) -> dict[str, Any]:
    with _watching() as statements:
        began = _cpu()
        response = client.get(url)
        passed = (_cpu() - began) * 1000
    slowest = max(statements, key=lambda each: each[1], default=("", 0.0))
    return {"status": response.status_code, "ms": passed, "queries": len(statements), "slowest": slowest}


def _cpu() -> float:
    """Seconds of the processor that this process and its database have used."""
    from django.db import connection

    used = time.process_time()
    if connection.vendor == "postgresql":
        connection.ensure_connection()
        ran = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat").read_text().split()[0]
        used += int(ran) / 1e9
    return used


@contextmanager
def _watching() -> Iterator[list[tuple[str, float]]]:
    from django.db import connection

    found: list[tuple[str, float]] = []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            found.append((f"{sql} -- {params}"[:6000], (time.perf_counter() - began) * 1000))

    with connection.execute_wrapper(watch):
        yield found
