"""When the last import of a batch or of a scheduled run has ended, the whole has.

Rows are locked before their imports are counted: of two imports that end at the same moment the second sees the
first, so that the end is written once and never missed.
"""

from __future__ import annotations

import datetime as dt
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from imageimport.choices import ACTIVE, Status, WebhookEvent
from imageimport.models import ImportBatch, ImportTask, Schedule, ScheduleRun
from imageimport.webhooks import outbox, payloads

#: Batches and runs whose imports ended without telling (rows written by hand) are looked for after this long.
STRAGGLING: Final = dt.timedelta(minutes=1)


@transaction.atomic(savepoint=False)
def settle_batch(batch_id: UUID) -> bool:
    """Complete a batch if nothing in it is active any more. True where this call did."""
    batches = ImportBatch.objects.select_for_update(of=("self",))
    batch = batches.only("pk", "completed_at").filter(pk=batch_id).first()
    tasks = ImportTask.objects.filter(batch_id=batch_id, replaced=False)
    if batch is None or batch.completed_at is not None or tasks.filter(status__in=ACTIVE).exists():
        return False
    batch.completed_at = timezone.now()
    batch.save(update_fields=["completed_at"])
    counts = batch_counts(batch_id)
    outbox.enqueue(
        project_id=batch.project_id,
        event=WebhookEvent.BATCH_COMPLETED,
        failed=counts["failed"] > 0,
        make=lambda: payloads.of_batch(WebhookEvent.BATCH_COMPLETED.value, batch, counts),
    )
    return True


def batch_counts(batch_id: UUID) -> dict[str, int]:
    """How many imports of a batch are in each state, a canceling one being among the running."""
    rows = ImportTask.objects.filter(batch_id=batch_id, replaced=False).order_by().values_list("status")
    counts = {"pending": 0, "running": 0, "success": 0, "failed": 0, "canceled": 0}
    for status, count in rows.annotate(count=Count("pk")):
        counts["running" if status == Status.CANCELING else status] += count
    return counts


@transaction.atomic(savepoint=False)
def settle_run(run_id: UUID) -> bool:
    """End a run whose tags are compared and whose imports have ended. True where this call did.

    Where imports of it were retried after its end, its numbers are put right when those have ended, and told again.
    """
    runs = ScheduleRun.objects.select_for_update(of=("self",)).select_related("schedule__project")
    run = runs.filter(pk=run_id).first()
    if run is None or run.checked_at is None:
        return False
    tasks = ImportTask.objects.filter(schedule_run_id=run_id)
    if tasks.filter(status__in=ACTIVE, replaced=False).exists():
        return False
    was = (run.ended_at, run.failed)
    result = _result(run, tasks)
    run.failed = result["failed"]
    if run.ended_at is None:
        run.ended_at = timezone.now()
    elif was == (run.ended_at, run.failed):
        return False
    run.save(update_fields=["ended_at", "failed", "tags_failed"])
    if was[0] is None:
        Schedule.objects.filter(pk=run.schedule_id).update(last_run_at=run.ended_at, last_result=result)
    else:
        # A later run may have ended meanwhile: then its numbers are the schedule's.
        Schedule.objects.filter(pk=run.schedule_id, last_run_at=run.ended_at).update(last_result=result)
    outbox.enqueue(
        project_id=run.schedule.project_id,
        event=WebhookEvent.SCHEDULE_COMPLETED,
        failed=result["failed"] > 0 or bool(run.error_code),
        make=lambda: payloads.of_run(WebhookEvent.SCHEDULE_COMPLETED.value, run, result),
    )
    return True


def _result(run: ScheduleRun, tasks: QuerySet[ImportTask]) -> dict[str, int]:
    """The run's counts by what its imports are now; one that was retried counts as what became of the retry."""
    if run.tags_failed is None:
        # Ended by a release before: its number has the imports in it that failed then.
        then = tasks.filter(Q(replaced=True) | Q(retry_of=None)).exclude(status=Status.SUCCESS).count()
        run.tags_failed = run.failed if run.ended_at is None else max(0, run.failed - then)
    ended = tasks.filter(replaced=False).aggregate(
        imported=Count("pk", filter=Q(status=Status.SUCCESS)),
        failed=Count("pk", filter=~Q(status=Status.SUCCESS)),
    )
    return {
        "checked": run.checked,
        "imported": ended["imported"],
        "unchanged": run.unchanged,
        "failed": run.tags_failed + ended["failed"],
    }


def settle_stragglers() -> int:
    """Complete what has nothing active left and was not told so. Returns how many."""
    before = timezone.now() - STRAGGLING
    active = ImportTask.objects.filter(status__in=ACTIVE)
    batches = ImportBatch.objects.filter(completed_at=None, created_at__lt=before)
    batches = batches.exclude(pk__in=active.filter(batch__isnull=False, replaced=False).values("batch"))
    runs = ScheduleRun.objects.filter(ended_at=None, checked_at__lt=before)
    runs = runs.exclude(
        pk__in=active.filter(schedule_run__isnull=False, replaced=False).values("schedule_run")
    )
    done = [settle_batch(pk) for pk in batches.values_list("pk", flat=True)]
    done += [settle_run(pk) for pk in runs.values_list("pk", flat=True)]
    return sum(done)
