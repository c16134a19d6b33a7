"""What single steps cost, in processor time of the one PostgreSQL session that takes them, and of the client."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import psycopg

TAKEN: Final = 60


def server_seconds(postmaster: int) -> float:
    """Processor time of all of a PostgreSQL's processes so far, of those that have ended too. Seconds."""
    own = _stat(postmaster)
    found = sum(own[:4])
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if _parent(path) == postmaster:
                found += sum(_stat(int(path.name))[:2])
        except (FileNotFoundError, ProcessLookupError):  # ended in between
            continue
    return found / 100  # USER_HZ of Linux (time(7))


def measure(running: int) -> dict[str, Any]:
    """Each step's milliseconds while ``running`` imports run: of the server's processor, the client's, and the clock.

    Leaves no import running.
    """
    from django.contrib.auth.models import User
    from django.test import Client

    from bench.fleet.driving import begun, ended
    from imageimport.worker import leases

    found: dict[str, Any] = {}
    held = [_claimed() for _ in range(max(0, running - TAKEN))]
    found["claim"] = _cost(lambda _: held.append(_claimed()), range(min(TAKEN, running)))
    found["claim that finds no place"] = _cost(lambda _: leases.claim(worker="late"), range(TAKEN))
    imports = [begun(lease) for lease in held]
    few = imports[: TAKEN * 2]
    found["half a second of a running import"] = _cost(lambda each: each.half_second(), few * 4)
    found["heartbeat"] = _cost(leases.renew, [each.lease for each in few])
    client = Client(HTTP_HOST="localhost")
    client.force_login(User.objects.get(username="admin"))
    task = held[-1].task
    project = task.project.name
    pages = {
        "poll of a project page": f"/projects/{project}/imports/live/",
        "poll of an import's page": f"/projects/{project}/imports/{task.pk}/live/",
        "poll of an import, API": f"/api/v1/projects/{task.project_id}/images/import/{task.pk}",
    }
    for name, path in pages.items():
        assert client.get(path).status_code == 200, path
        found[name] = _cost(client.get, [path] * TAKEN)
    found["end"] = _cost(ended, imports)
    return found


def _claimed() -> Any:
    from imageimport.worker import leases

    lease = leases.claim(worker="fleet")
    assert lease is not None, "nothing waits any more"
    return lease


def _cost(step: Callable[[Any], Any], of: Iterable[Any]) -> str:
    from django.db import connection

    connection.ensure_connection()
    assert isinstance(connection.connection, psycopg.Connection)
    pid = connection.connection.info.backend_pid
    count, server, client, clock = 0, _nanoseconds(pid), time.process_time(), time.perf_counter()
    for each in of:
        step(each)
        count += 1
    times = (
        (_nanoseconds(pid) - server) / 1e6,
        (time.process_time() - client) * 1e3,
        (time.perf_counter() - clock) * 1e3,
    )
    server_ms, client_ms, clock_ms = (each / count for each in times)
    return f"server {server_ms:6.2f} ms   client {client_ms:6.2f} ms   clock {clock_ms:7.2f} ms"


def _nanoseconds(pid: int) -> int:
    """On a processor so far (Documentation/scheduler/sched-stats.rst)."""
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0])


def _stat(pid: int) -> list[int]:
    """utime, stime, cutime, cstime (proc_pid_stat(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return [int(each) for each in fields[11:15]]


def _parent(path: Path) -> int:
    return int((path / "stat").read_text(encoding="ascii").rpartition(")")[2].split()[1])
