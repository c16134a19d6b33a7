"""How far a batch is: counts, bytes, percent, time left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, Min, QuerySet, Sum
from django.utils import timezone

from imageimport.choices import TERMINAL, count_by_status
from imageimport.models import ImportBatch, ImportTask
from imageimport.models.task import SECRETS
from imageimport.selectors import render_error
from projects.models import Project

#: Before this share is done, nothing is said about the time left.
_TELLING: Final = 0.02
#: Columns of a batch's result, as CSV and JSON.
COLUMNS: Final = (
    "index", "image_url", "source_image", "target_image", "status", "error_code", "error", "digest", "source_digest",
    "bytes_total", "bytes_reused", "attempts", "task", "created_at", "completed_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Totals:
    """``progress`` in percent over all imports; bytes as far as the images were looked at; ``eta_seconds`` None while
    nothing can be said."""

    total: int
    counts: dict[str, int]
    progress: int
    bytes_total: int
    bytes_done: int
    eta_seconds: int | None


def totals_of(batch: ImportBatch) -> Totals:
    """One query, however large the batch."""
    return totals_of_all([batch])[batch.pk]


def totals_of_all(batches: Sequence[ImportBatch]) -> dict[UUID, Totals]:
    """The totals of each batch, by one query for all of them."""
    groups: dict[UUID, list[dict[str, Any]]] = {batch.pk: [] for batch in batches}
    tasks = ImportTask.objects.current().filter(batch__in=groups).order_by()
    for group in tasks.values("batch", "status").annotate(
        count=Count("pk"),
        progress_sum=Sum("progress"),
        bytes_total=Sum("bytes_total"),
        bytes_done=Sum("bytes_done"),
        started_at=Min("started_at"),
    ):
        groups[group["batch"]].append(group)
    return {pk: _totals(found) for pk, found in groups.items()}


def add_summaries(batches: Sequence[Any]) -> None:
    """Give each batch of a list its ``total``, ``counts`` and ``percent``, by one query."""
    found = totals_of_all(batches)
    for batch in batches:
        totals = found[batch.pk]
        batch.total, batch.counts, batch.percent = totals.total, totals.counts, totals.progress


def _totals(groups: Sequence[dict[str, Any]]) -> Totals:
    counts = count_by_status((group["status"], group["count"]) for group in groups)
    total = sum(counts.values())
    active = sum(group["progress_sum"] for group in groups if group["status"] not in TERMINAL)
    ended = counts["success"] + counts["failed"] + counts["canceled"]
    share = (ended + active / 100) / total if total else 1.0
    started_at = min((group["started_at"] for group in groups if group["started_at"]), default=None)
    return Totals(
        total=total,
        counts=counts,
        # 100 % only when everything has finished.
        progress=100 if ended == total else min(99, int(share * 100)),
        bytes_total=sum(group["bytes_total"] for group in groups),
        bytes_done=sum(group["bytes_done"] for group in groups),
        eta_seconds=_eta(share, started_at) if ended < total else None,
    )


def current_tasks(batch: ImportBatch) -> QuerySet[ImportTask]:
    """The imports that count, in the order in which they were asked for: not those that a retry replaced."""
    found = ImportTask.objects.current_of(batch).defer(*SECRETS).select_related("requested_by")
    return found.order_by("batch_index", "created_at", "id")


def batches_of(project: Project) -> QuerySet[ImportBatch]:
    """The project's batches, newest first."""
    return ImportBatch.objects.filter(project=project).select_related("requested_by")


def results_of(batch: ImportBatch) -> Iterator[dict[str, Any]]:
    """One row an import; the keys are :data:`COLUMNS`."""
    for task in current_tasks(batch):
        row = {name: getattr(task, name, None) for name in COLUMNS}
        yield row | {"index": task.batch_index, "task": str(task.pk), "error": render_error(task)}


def _eta(share: float, started_at: Any) -> int | None:
    if share < _TELLING or started_at is None:
        return None
    passed = (timezone.now() - started_at).total_seconds()
    return max(0, round(passed * (1 - share) / share))
