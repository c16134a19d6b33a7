"""Workers and open pages in threads of a few processes: the product's own claim, monitor, progress, end and views."""

from __future__ import annotations

import multiprocessing
import os
import random
import resource
import statistics
import threading
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

from imageimport.choices import Stage, Status
from imageimport.worker import completion, leases
from imageimport.worker.leases import Lease
from imageimport.worker.monitor import TICK_SECONDS, Monitor
from imageimport.worker.progress import Progress
from oci.cancel import CancelToken
from oci.copy.observer import LayerState

#: How long each import sleeps, seconds: a fleet of 200 ends ten a second.
IMPORT_SECONDS: Final = 20.0
PROCESSES: Final = 8
#: A worker that found nothing asks again after this, as hints and sweep would have it. Seconds.
IDLE_SECONDS: Final = 1.0
#: Between two polls of a page, seconds.
POLL_SECONDS: Final = 2.0
MIB: Final = 1024 * 1024
#: Blobs of each image.
LAYERS: Final = 6


@dataclass(frozen=True, slots=True)
class _Blob:
    digest: str
    size: int = 50 * MIB
    media_type: str = "application/vnd.oci.image.layer.v1.tar+gzip"
    platform: str = ""


@dataclass
class Import:
    """One that runs, and moves no byte."""

    lease: Lease
    progress: Progress
    monitor: Monitor
    moved: int = 0

    def advance(self) -> None:
        """As the engine tells it: one layer has come a little further."""
        self.moved += MIB
        number = self.moved // (10 * MIB) % LAYERS
        self.progress.layer(_digest(self.lease, number), LayerState.COPYING, self.moved // LAYERS)

    def half_second(self) -> None:
        """What a running import asks of the database each half second."""
        self.advance()
        self.monitor._tick()


@dataclass
class _Found:
    """What one process saw."""

    #: How long each took that got an import, seconds; those that found nothing are only counted.
    claims: list[float] = field(default_factory=list)
    empty: int = 0
    polls: list[float] = field(default_factory=list)
    ticks: int = 0
    wanted: float = 0.0
    lost: int = 0


def prepare(pending: int) -> dict[str, Any]:
    """Tables, and imports that wait for many accounts in many projects."""
    from django.core.management import call_command
    from django.utils import timezone

    from bench.scale.fill import fill
    from imageimport.models import ImportTask

    call_command("migrate", verbosity=0)
    fill(tasks=pending + 2000, images=100, pending=pending)
    ImportTask.objects.occupying().update(
        status=Status.CANCELED, completed_at=timezone.now(), lease_expires_at=None
    )
    return {"pending": ImportTask.objects.waiting().count()}


def begun(lease: Lease) -> Import:
    """The attempt of a claim, with its image known; its monitor isn't started."""
    progress = Progress(lease)
    progress.enter(Stage.PULL)
    progress.layers([_Blob(_digest(lease, number)) for number in range(LAYERS)])
    return Import(lease, progress, Monitor(lease=lease, progress=progress, cancel=CancelToken()))


def ended(found: Import) -> None:
    """It succeeded."""
    facts: dict[str, Any] = dict(found.progress.totals())
    completion.end(found.lease.task_id, fence=found.lease.fence, status=Status.SUCCESS, **facts)


def drive(running: int, seconds: int, pages: int) -> dict[str, Any]:
    """So many workers and pages at once, for so long."""
    processes = min(PROCESSES, running)
    began = time.monotonic()
    with ProcessPoolExecutor(processes, multiprocessing.get_context("fork")) as pool:
        jobs = [
            pool.submit(_threads, _share(running, processes, n), _share(pages, processes, n), seconds)
            for n in range(processes)
        ]
        found = [job.result() for job in jobs]
    took = time.monotonic() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    claims = [each for one in found for each in one.claims]
    polls = [each for one in found for each in one.polls]
    ticks, wanted = sum(one.ticks for one in found), sum(one.wanted for one in found)
    return {
        "seconds": took,
        "claims a second": len(claims) / took,
        "claim, median": _ms(claims, 50),
        "claim, slowest of twenty": _ms(claims, 95),
        "claims that found nothing": sum(one.empty for one in found),
        "progress writes a second": ticks / took,
        "of those that were due, percent": 100 * ticks / wanted,
        "leases lost": sum(one.lost for one in found),
        "polls a second": len(polls) / took,
        "poll, median": _ms(polls, 50),
        "poll, slowest of twenty": _ms(polls, 95),
        "clients, processors": (used.ru_utime + used.ru_stime) / took,
        "machine's load at the end": os.getloadavg()[0],
    }


def _threads(workers: int, pages: int, seconds: int) -> _Found:
    """What this process sees. Where one of its threads fails, all of it does: numbers without it would be too good."""
    found, lock = _Found(), threading.Lock()
    until = time.monotonic() + seconds
    with ThreadPoolExecutor(workers + pages) as pool:
        jobs = [pool.submit(_work, found, lock, until) for _ in range(workers)]
        jobs += [pool.submit(_poll, found, lock, until) for _ in range(pages)]
        for job in jobs:
            job.result()
    return found


def _work(found: _Found, lock: threading.Lock, until: float) -> None:
    from django.db import connection

    try:
        while time.monotonic() < until:
            began = time.perf_counter()
            lease = leases.claim(worker=f"{os.getpid()}:{threading.get_ident()}")
            took = time.perf_counter() - began
            if lease is None:
                with lock:
                    found.empty += 1
                time.sleep(IDLE_SECONDS)
            else:
                with lock:
                    found.claims.append(took)
                _run(lease, found, lock, until)
    finally:
        connection.close()


def _run(lease: Lease, found: _Found, lock: threading.Lock, until: float) -> None:
    """Sleep as long as an import takes, or until the end, while the monitor's thread writes what moves."""
    one = begun(lease)
    counts: Counter[str] = Counter()
    write = one.progress.write

    def counted() -> None:
        write()
        counts["ticks"] += 1

    one.progress.write = counted  # type: ignore[method-assign]
    began = time.monotonic()
    end = min(began + IMPORT_SECONDS * random.uniform(0.8, 1.2), until)
    one.monitor.start()
    while time.monotonic() < end:
        one.advance()
        time.sleep(TICK_SECONDS / 2)
    one.monitor.close()
    lasted = time.monotonic() - began
    ended(one)
    with lock:
        found.ticks += counts["ticks"]
        found.wanted += lasted / TICK_SECONDS
        found.lost += one.monitor._cancel.canceled


def _poll(found: _Found, lock: threading.Lock, until: float) -> None:
    from django.contrib.auth.models import User
    from django.db import connection
    from django.test import Client

    client = Client(HTTP_HOST="localhost")
    client.force_login(User.objects.get(username="admin"))
    time.sleep(random.uniform(0, POLL_SECONDS))
    while time.monotonic() < until:
        began = time.perf_counter()
        answer = client.get("/projects/big/imports/live/")
        took = time.perf_counter() - began
        assert answer.status_code == 200, answer.status_code
        with lock:
            found.polls.append(took)
        time.sleep(max(0.0, POLL_SECONDS - took))
    connection.close()


def _digest(lease: Lease, number: int) -> str:
    return f"sha256:{lease.task_id.hex}{number:032x}"


def _share(whole: int, of: int, number: int) -> int:
    return whole // of + (number < whole % of)


def _ms(found: list[float], percent: int) -> str:
    if len(found) < 2:
        return "too few"
    return f"{1000 * statistics.quantiles(found, n=100)[percent - 1]:.0f} ms"
