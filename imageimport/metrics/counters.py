"""What happens to imports, counted in the rows of :class:`MetricCount`, for ``/metrics``."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections import defaultdict
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Sum

from imageimport.choices import Outcome
from imageimport.models import ImportTask, MetricCount
from projects.registry import client as own_registry

#: Upper bounds of the histograms' buckets, seconds.
BOUNDS: Final = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600)
#: Registries that have a label of their own. Any host may be typed, and a time series for each would never end.
KNOWN: Final = frozenset(
    {
        "docker.io", "ghcr.io", "quay.io", "registry.k8s.io", "gcr.io", "mcr.microsoft.com", "public.ecr.aws",
        "registry.gitlab.com", "nvcr.io", "registry.access.redhat.com", "docker.elastic.co",
    }
)  # fmt: skip
#: The cache's key of when the last sweep was, Unix seconds: beat and a worker live.
SWEPT: Final = "imports:swept"
#: From so many rows on, they are made fewer.
FOLD_AT: Final = 1000
#: Rows that one fold takes at most, so that it holds no lock for long.
MAX_FOLDED: Final = 10_000
LABELS: Final = ("kind", "status", "error_code", "transport", "registry", "bucket")
SUMS: Final = ("count", "seconds", "bytes_moved", "bytes_reused")


def registry_label(host: str) -> str:
    """The label of a source registry: its name where it is well known or configured, ``own``, or ``other``."""
    if host in {own_registry.own_host(), settings.REGISTRY_PUBLIC_HOST}:
        return "own"
    named = {
        *settings.IMPORT_REGISTRY_MIRRORS,
        *settings.IMPORT_PRIVATE_SOURCES,
        *settings.IMPORT_INSECURE_SOURCES,
    }
    return host if host in KNOWN or host in named else "other"


def add(*rows: MetricCount) -> None:
    """Count what :func:`of_begin`, :func:`of_import` and :func:`of_attempt` saw."""
    MetricCount.objects.bulk_create(rows)


def of_begin(task: ImportTask, now: dt.datetime) -> MetricCount:
    """An import takes a place for the first time."""
    seconds = max(0.0, (now - task.created_at).total_seconds())
    return MetricCount(kind=MetricCount.Kind.BEGUN, bucket=_bucket(seconds), seconds=seconds)


def of_import(task: ImportTask) -> MetricCount:
    """An import has ended, as its row says."""
    seconds = 0.0
    if task.started_at and task.completed_at:
        seconds = max(0.0, (task.completed_at - task.started_at).total_seconds())
    return MetricCount(
        kind=MetricCount.Kind.ENDED,
        status=task.status,
        error_code=task.error_code,
        transport=task.transport,
        bucket=_bucket(seconds),
        seconds=seconds,
    )


def of_attempt(task: ImportTask, *, outcome: Outcome, code: str) -> MetricCount:
    """An attempt ended, and its last numbers are in the row."""
    reused = min(task.bytes_reused, task.bytes_done)
    return MetricCount(
        kind=MetricCount.Kind.ATTEMPT,
        status=outcome,
        error_code=code,
        registry=registry_label(task.source_registry),
        bytes_moved=task.bytes_done - reused,
        bytes_reused=reused,
    )


def totals() -> list[dict[str, Any]]:
    """Every counter, labels and sums: one statement, so that nothing is missed or seen twice while rows are folded."""
    rows = MetricCount.objects.order_by().values(*LABELS)
    return list(rows.annotate(**{f"{name}_sum": Sum(name) for name in SUMS}))


def fold(*, at: int = FOLD_AT) -> int:
    """Make one row of all with the same labels, if there are more than ``at``. Returns how many rows went."""
    if not MetricCount.objects.order_by("id")[at:].exists():
        return 0
    with transaction.atomic():
        rows = list(MetricCount.objects.select_for_update(skip_locked=True).order_by("id")[:MAX_FOLDED])
        sums: dict[tuple[Any, ...], list[float]] = defaultdict(lambda: [0] * len(SUMS))
        for row in rows:
            found = sums[tuple(getattr(row, name) for name in LABELS)]
            for place, name in enumerate(SUMS):
                found[place] += getattr(row, name)
        MetricCount.objects.bulk_create(
            MetricCount(**dict(zip(LABELS, labels, strict=True)), **dict(zip(SUMS, values, strict=True)))
            for labels, values in sums.items()
        )
        MetricCount.objects.filter(pk__in=[row.pk for row in rows]).delete()
    return len(rows) - len(sums)


def _bucket(seconds: float) -> int:
    return bisect_left(BOUNDS, seconds)
