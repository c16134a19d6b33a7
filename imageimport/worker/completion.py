"""How an import ends: once, with its history closed, its secrets erased and everybody told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any, Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Case, F, QuerySet, Value, When
from django.utils import timezone
from django.utils.translation import gettext_noop

from imageimport import timeline
from imageimport.choices import OCCUPYING, Outcome, Stage, Status, WebhookEvent
from imageimport.messages import DONE, english, of_error, parts
from imageimport.metrics import counters
from imageimport.models import ImportAttempt, ImportLayer, ImportTask, TagDigest
from imageimport.webhooks import outbox, payloads
from imageimport.worker import groups
from oci.copy.observer import LayerState
from oci.errors import OciError

log = structlog.get_logger(__name__)

_MESSAGES = {
    Status.SUCCESS: DONE,
    Status.FAILED: gettext_noop("The import failed."),
    Status.CANCELED: gettext_noop("The import was canceled."),
}

#: What follows from an end reads these of the row (counting, events).
_FOLLOWS: Final = (
    "project_id", "batch_id", "schedule_run_id", "source_registry", "source_image", "target_name", "target_tag",
    "transport", "status", "error_code", "digest", "source_digest", "bytes_done", "bytes_reused", "started_at",
    "completed_at",
)  # fmt: skip

#: One-time credentials taken out of a row, which remembers that there were some.
_ERASED: Final[dict[str, Any]] = {
    "username": "",
    "password": "",
    "credentials_erased": Case(
        When(username="", password="", then=F("credentials_erased")), default=Value(True)
    ),
}


def end(
    task_id: UUID,
    *,
    fence: int,
    status: Status,
    outcome: Outcome | None = None,
    error: OciError | None = None,
    from_states: Collection[Status] = OCCUPYING,
    **facts: Any,
) -> bool:
    """End a task whose fence still is ``fence``, in one transaction with all that follows from it.

    ``completed_at`` is written by the same statement that frees the place. Credentials go on success and cancel; a
    failed import keeps them for a retry (see housekeeping).

    :param error: of a failure.
    :param from_states: the states it may be in; one that was given back waits with the same fence and is no longer
        the worker's.
    :param facts: columns known at the end, such as ``digest``.
    :returns: whether this call ended it; False means that it was no longer this attempt's.
    """
    now = timezone.now()
    message = parts(_MESSAGES[status])
    changes: dict[str, Any] = {
        "status": status,
        "message": english(message),
        "message_parts": message,
        **_error_columns(error),
        "rate": 0,
        "eta_seconds": None,
        "lease_owner": "",
        "lease_expires_at": None,
        "not_before": None,
        "updated_at": now,
        "completed_at": now,
        **facts,
    }
    if status == Status.SUCCESS:
        changes |= {"stage": Stage.DONE, "progress": 100}
    if status != Status.FAILED or not settings.CREDENTIAL_RETENTION_HOURS:
        changes |= _ERASED
    with transaction.atomic(savepoint=False):
        # Under the row's lock, so that completed_at and the freed place can't be seen apart.
        if not ImportTask.objects.with_status(from_states).filter(pk=task_id, fence=fence).update(**changes):
            return False
        outcome = outcome or Outcome(status.value)
        closed = close_attempt(task_id, fence, outcome=outcome, error=error, now=now)
        _settle_layers(task_id, status)
        task = ImportTask.objects.only(*_FOLLOWS).get(pk=task_id)
        code = error.code if error else ""
        counts = [counters.of_attempt(task, outcome=outcome, code=code)] if closed else []
        counters.add(*counts, counters.of_import(task))
        _follow_up(task)
    return True


def _follow_up(task: ImportTask) -> None:
    """A defect in what follows from an end must not keep the import from ending."""
    try:
        with transaction.atomic():
            _follow(task)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("import.end_not_told", task_id=str(task.pk))


def erase_credentials(tasks: QuerySet[ImportTask]) -> int:
    """Take the one-time credentials out of these rows, and remember that there were some. Returns how many had."""
    return tasks.exclude(username="", password="").update(**_ERASED)


def close_attempt(
    task_id: UUID, fence: int, *, outcome: Outcome, error: OciError | None, now: dt.datetime
) -> bool:
    """Write the end of the claim with this fence into the history. False where there is none that goes on."""
    closed = ImportAttempt.objects.filter(task_id=task_id, fence=fence, ended_at=None).update(
        ended_at=now, outcome=outcome, **_error_columns(error)
    )
    return bool(closed)


def _error_columns(error: OciError | None) -> dict[str, Any]:
    stored = of_error(error) if error else {}
    return {"error_code": error.code if error else "", "error": english(stored), "error_parts": stored}


def _settle_layers(task_id: UUID, status: Status) -> None:
    """No layer goes on copying in an import that has ended."""
    copying = ImportLayer.objects.filter(task_id=task_id, state=LayerState.COPYING)
    if status == Status.FAILED:
        copying.update(state=LayerState.FAILED)
    elif status == Status.CANCELED:
        copying.update(state=LayerState.WAITING)


def _follow(task: ImportTask) -> None:
    """Write the tag's timeline, owe the webhooks their news, complete the batch and the scheduled run.

    :param task: as it is in the database; only the columns that are read here need to be there.
    """
    if task.status == Status.SUCCESS:
        timeline.note(
            TagDigest(
                project_id=task.project_id,
                repository=task.target_name,
                tag=task.target_tag,
                digest=task.digest,
                source_image=task.source_image,
                source_digest=task.source_digest,
                task=task.pk,
            )
        )
        _tell(WebhookEvent.IMPORT_SUCCEEDED, task, failed=False)
    elif task.status == Status.FAILED:
        _tell(WebhookEvent.IMPORT_FAILED, task, failed=True)
    if task.batch_id is not None:
        groups.settle_batch(task.batch_id)
    if task.schedule_run_id is not None:
        groups.settle_run(task.schedule_run_id)


def _tell(event: WebhookEvent, task: ImportTask, *, failed: bool) -> None:
    def make() -> payloads.Payload:
        whole = ImportTask.objects.select_related("project", "requested_by").get(pk=task.pk)
        return payloads.of_task(event.value, whole)

    # A schedule that fails each night is told by its run: once, and once more when it works again.
    summary = WebhookEvent.SCHEDULE_COMPLETED if task.schedule_run_id is not None else None
    outbox.enqueue(project_id=task.project_id, event=event, failed=failed, make=make, summary=summary)
