"""The state of the installation: services, workers, queue, disks, sources, versions. Nothing here writes."""

from __future__ import annotations

import datetime as dt
import platform
import shutil
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import celery
import django
import redis
from django.conf import settings
from django.db import connection
from django.db.models import Count, Min, Q
from django.utils import timezone
from kombu.exceptions import OperationalError

from accounts.redis import pools
from imageimport.metrics import collector
from imageimport.models import ImportTask, SourceWay
from imageimport.worker.windows import NEVER
from registry_portal.celery import app
from registry_portal.observability import health

#: Rows of each list.
MAX_ROWS: Final = 10
#: Workers that answer later than this are not seen, seconds.
PATIENCE: Final = 1.0


@dataclass(frozen=True, slots=True)
class Worker:
    """A Celery worker that answered. ``places``: tasks that it does at once."""

    name: str
    places: int
    since: dt.timedelta


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system that the portal writes to; bytes."""

    path: Path
    total: int
    free: int

    @property
    def used(self) -> int:
        """Bytes."""
        return self.total - self.free

    @property
    def percent(self) -> int:
        """The share of the whole that is used, rounded down."""
        return self.used * 100 // self.total if self.total else 0


@dataclass(frozen=True, slots=True)
class Status:
    """``services``: as :func:`health.services`. ``workers``: None where Redis could not be asked. ``numbers``: the
    gauges of ``/metrics`` by their names without ``portal_``. ``places``: running imports by their workers.
    ``out_of_hours``: how many ``imports`` wait for their hours, and ``until`` when the first does; None: never."""

    services: dict[str, str]
    workers: Sequence[Worker] | None
    numbers: dict[str, float]
    places: list[tuple[str, int]]
    held_back: list[dict[str, Any]]
    out_of_hours: dict[str, Any]
    failed: list[ImportTask]
    ways: list[SourceWay]
    disks: list[Disk]
    versions: list[tuple[str, str]]


def look() -> Status:
    """Ask everything once; a service that is silent costs its own patience and no more."""
    found = health.services()
    reachable = found["redis"] == "ok"
    now = timezone.now()
    metrics = collector.current(now)
    return Status(
        services=found,
        workers=workers() if reachable else None,
        numbers={
            sample.name.removeprefix("portal_"): sample.value
            for metric in metrics
            for sample in metric.samples
            if not sample.labels
        },
        places=_places(),
        held_back=_held_back(now),
        out_of_hours=_out_of_hours(now),
        failed=list(
            ImportTask.objects.failed().for_lists().select_related("project").newest_first()[:MAX_ROWS]
        ),
        ways=list(SourceWay.objects.exclude(error="").order_by("-failed_at", "pk")[:MAX_ROWS]),
        disks=disks(),
        versions=[*versions(), *([("Redis", _redis_version())] if reachable else [])],
    )


def workers() -> list[Worker] | None:
    """Workers that answer within :data:`PATIENCE`, by name; None where the broker is away."""
    try:
        answers = app.control.inspect(timeout=PATIENCE).stats() or {}
    except (OperationalError, redis.RedisError, OSError):
        return None
    return [
        Worker(
            name,
            places=int(info.get("pool", {}).get("max-concurrency", 0)),
            since=dt.timedelta(seconds=int(info.get("uptime", 0))),
        )
        for name, info in sorted(answers.items())
    ]


def disks() -> list[Disk]:
    """The file systems of the data, of uploads and of the registry, each once."""
    folders: list[Path | str] = [settings.DATA_DIR, settings.UPLOADS_DIR, settings.REGISTRY_STORAGE]
    found: dict[int, Disk] = {}
    for folder in (Path(each) for each in folders if each):
        if folder.is_dir():
            usage = shutil.disk_usage(folder)
            found.setdefault(folder.stat().st_dev, Disk(folder, usage.total, usage.free))
    return list(found.values())


def versions() -> list[tuple[str, str]]:
    """Names and versions of what runs here."""
    return [
        ("Registry Portal", portal_version()),
        ("Python", platform.python_version()),
        ("Django", django.get_version()),
        ("Celery", celery.__version__),
        (connection.display_name, ".".join(map(str, connection.get_database_version()))),
    ]


@lru_cache(maxsize=1)
def portal_version() -> str:
    """As the project's own file says it."""
    project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text(encoding="utf-8"))
    return str(project["project"]["version"])


def _redis_version() -> str:
    options: dict[str, Any] = {"socket_connect_timeout": PATIENCE, "socket_timeout": PATIENCE}
    try:
        with pools.client(settings.REDIS_URL, **options) as client:
            info: Any = client.info("server")
    except (redis.RedisError, OSError) as exc:
        return type(exc).__name__
    return str(info.get("redis_version", ""))


def _places() -> list[tuple[str, int]]:
    owners = ImportTask.objects.occupying().order_by().values_list("lease_owner", flat=True)
    return sorted(Counter(owners).items())


def _held_back(now: dt.datetime) -> list[dict[str, Any]]:
    """Registries that imports wait for: how many, and when the first goes on."""
    held = (
        ImportTask.objects.held_back(now).filter(waits_for_window=False).order_by().values("source_registry")
    )
    return list(held.annotate(imports=Count("pk"), until=Min("not_before")).order_by("-imports")[:MAX_ROWS])


def _out_of_hours(now: dt.datetime) -> dict[str, Any]:
    """No registry is what these wait for."""
    held = ImportTask.objects.held_back(now).filter(waits_for_window=True)
    coming = ~Q(message_parts__template=NEVER)
    return held.aggregate(imports=Count("pk"), until=Min("not_before", filter=coming))
