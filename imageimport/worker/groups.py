"""When the last import of a batch or of a scheduled run has ended, the whole has.

Rows are locked before their imports are counted: of two imports that end at the same moment the second sees the
first, so that the end is written once and never missed.
"""

from __future__ import annotations

import datetime as dt
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from imageimport.choices import Status, WebhookEvent, count_by_status
from imageimport.models import ImportBatch, ImportTask, Schedule, ScheduleRun
from imageimport.models.task import ImportTaskQuerySet
from imageimport.webhooks import outbox, payloads

#: Batches and runs whose imports ended without telling (rows written by hand) are looked for after this long.
STRAGGLING: Final = dt.timedelta(minutes=1)


@transaction.atomic(savepoint=False)
def settle_batch(batch_id: UUID) -> bool:
    """Complete a batch if nothing in it is active anymore. True where this call did."""
    batches = ImportBatch.objects.select_for_update(of=("self",))
    batch = batches.only("pk", "completed_at").filter(pk=batch_id).first()
    tasks = ImportTask.objects.current_of(batch_id)
    if batch is None or batch.completed_at is not None or tasks.active().exists():
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
    rows = ImportTask.objects.current_of(batch_id).order_by().values_list("status")
    return count_by_status(rows.annotate(count=Count("pk")))


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
    if tasks.current().active().exists():
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
        # A later run may have ended in the meantime: then its numbers are the schedule's.
        Schedule.objects.filter(pk=run.schedule_id, last_run_at=run.ended_at).update(last_result=result)
    is_news = _is_news(run, was_failing=was[1] > 0 if was[0] is not None else None)
    recovered = is_news and not _is_failing(run)
    outbox.enqueue(
        project_id=run.schedule.project_id,
        event=WebhookEvent.SCHEDULE_COMPLETED,
        failed=is_news,
        make=lambda: payloads.of_run(WebhookEvent.SCHEDULE_COMPLETED.value, run, result, recovered=recovered),
    )
    return True


def _is_news(run: ScheduleRun, *, was_failing: bool | None) -> bool:
    """Whether those who want to hear of failures only hear of it: once when a schedule begins to fail, and once when it
    works again.

    :param was_failing: what this run had said before; None: nothing, so the run before it counts.
    """
    if was_failing is not None:
        # An import of an old run was retried: what the schedule does now is told by its later runs.
        later = ScheduleRun.objects.filter(schedule=run.schedule_id, started_at__gt=run.started_at)
        if later.filter(ended_at__isnull=False).exists():
            return False
    else:
        earlier = ScheduleRun.objects.filter(
            schedule=run.schedule_id, started_at__lt=run.started_at, ended_at__isnull=False
        )
        before = earlier.order_by("-started_at", "-id").only("failed", "error_code").first()
        was_failing = before is not None and _is_failing(before)
    return was_failing != _is_failing(run)


def _is_failing(run: ScheduleRun) -> bool:
    return run.failed > 0 or bool(run.error_code)


def _result(run: ScheduleRun, tasks: ImportTaskQuerySet) -> dict[str, int]:
    """The run's counts by what its imports are now; one that was retried counts as what became of the retry."""
    if run.tags_failed is None:
        # Ended by a release before: its number has the imports in it that failed then.
        then = tasks.filter(Q(replaced=True) | Q(retry_of=None)).exclude(status=Status.SUCCESS).count()
        run.tags_failed = run.failed if run.ended_at is None else max(0, run.failed - then)
    ended = tasks.current().aggregate(
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
    active = ImportTask.objects.current().active()
    batches = ImportBatch.objects.filter(completed_at=None, created_at__lt=before)
    batches = batches.exclude(pk__in=active.filter(batch__isnull=False).values("batch"))
    runs = ScheduleRun.objects.filter(ended_at=None, checked_at__lt=before)
    runs = runs.exclude(pk__in=active.filter(schedule_run__isnull=False).values("schedule_run"))
    done = [settle_batch(pk) for pk in batches.values_list("pk", flat=True)]
    done += [settle_run(pk) for pk in runs.values_list("pk", flat=True)]
    return sum(done)
