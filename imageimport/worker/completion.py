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

from imageimport.choices import OCCUPYING, Outcome, Stage, Status
from imageimport.messages import english, parts
from imageimport.metrics import counters
from imageimport.models import ImportAttempt, ImportLayer, ImportTask
from imageimport.worker import events
from oci.errors import gettext_noop

log = structlog.get_logger(__name__)

_MESSAGES = {
    Status.SUCCESS: gettext_noop("Done"),
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
    code: str = "",
    said: dict[str, Any] | None = None,
    now: dt.datetime | None = None,
    among: Collection[Status] = OCCUPYING,
    **facts: Any,
) -> bool:
    """End a task whose fence still is ``fence``, in one transaction with all that follows from it.

    ``completed_at`` is written by the same statement that frees the place. Credentials go on success and cancel; a
    failed import keeps them for a retry (see pruning).

    :param code: one of :data:`oci.errors.ERROR_CODES` for a failure.
    :param said: the failure's sentence (:func:`imageimport.messages.parts`).
    :param among: the states it may be in; one that was given back waits with the same fence and is not the worker's
        any more.
    :param facts: columns known at the end, such as ``digest``.
    :returns: whether this call ended it; False means that it was no longer this attempt's.
    """
    now = now or timezone.now()
    message = parts(_MESSAGES[status])
    changes: dict[str, Any] = {
        "status": status,
        "message": english(message),
        "message_parts": message,
        "error": english(said) if said else "",
        "error_parts": said or {},
        "error_code": code,
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
        if not ImportTask.objects.filter(pk=task_id, fence=fence, status__in=among).update(**changes):
            return False
        outcome = outcome or Outcome(status.value)
        closed = close_attempt(task_id, fence, outcome=outcome, code=code, said=said, now=now)
        _settle_layers(task_id, status)
        task = ImportTask.objects.only(*_FOLLOWS).get(pk=task_id)
        counts = [counters.of_attempt(task, outcome=outcome, code=code)] if closed else []
        counters.add(*counts, counters.of_import(task))
        _tell(task)
    return True


def _tell(task: ImportTask) -> None:
    """A defect in what follows from an end must not keep the import from ending."""
    try:
        with transaction.atomic():
            events.import_ended(task)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("import.end_not_told", task_id=str(task.pk))


def erase_credentials(tasks: QuerySet[ImportTask]) -> int:
    """Take the one-time credentials out of these rows, and remember that there were some. Returns how many had."""
    return tasks.exclude(username="", password="").update(**_ERASED)


def close_attempt(
    task_id: UUID, fence: int, *, outcome: Outcome, code: str, said: dict[str, Any] | None, now: dt.datetime
) -> bool:
    """Write the end of the claim with this fence into the history. False where there is none that goes on."""
    closed = ImportAttempt.objects.filter(task_id=task_id, fence=fence, ended_at=None).update(
        ended_at=now,
        outcome=outcome,
        error_code=code,
        error=english(said) if said and code else "",
        error_parts=said if said and code else {},
    )
    return bool(closed)


def _settle_layers(task_id: UUID, status: Status) -> None:
    """No layer goes on copying in an import that has ended."""
    if status == Status.FAILED:
        ImportLayer.objects.filter(task_id=task_id, state="copying").update(state="failed")
    elif status == Status.CANCELED:
        ImportLayer.objects.filter(task_id=task_id, state="copying").update(state="waiting")
