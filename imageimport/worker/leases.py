"""Who works at what: claim, heartbeat, give back, take over. Every write after the claim carries its fence.

The claim is the one place that decides what starts: within the limits of installation, account and project, fair
between accounts and between projects (:mod:`imageimport.worker.places`). It runs under one lock of the database, so the
limits hold exactly at every moment, however many workers ask.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_noop

from imageimport.choices import STAGE_PROGRESS, Outcome, Stage, Status
from imageimport.messages import WAITING, english, of_error, parts
from imageimport.metrics import counters
from imageimport.models import ImportAttempt, ImportTask
from imageimport.models.task import ImportTaskQuerySet
from imageimport.turns import one_at_a_time
from imageimport.worker import completion, windows
from imageimport.worker.places import Place, next_task, note_turn, places_taken
from oci.errors import OciError
from projects.locking import LeaseLost, Leases
from projects.models import Project
from projects.token_service import writers

log = structlog.get_logger(__name__)

#: Number of PostgreSQL's advisory lock around claims; any fixed number that nothing else uses.
CLAIM_LOCK: Final = 0x1A9E7
#: Attempts beyond the limit for a task whose tag may have been put: it says failed only where the tag stands.
EXTRA_ATTEMPTS: Final = 3
#: What an import says that makes room for a collection of garbage.
COLLECTING: Final = gettext_noop("Waiting: the registry is being cleaned up. Finished layers are kept.")
#: What gave way stays out of the line for this long, so that those behind it in its own project go first. Seconds.
GIVE_WAY_PAUSE: Final = 20.0


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work at one task, until it is no longer renewed."""

    task_id: UUID
    fence: int
    attempt: int
    #: The row as it was found: for what never changes in it.
    task: ImportTask = field(compare=False, repr=False)

    @property
    def request_id(self) -> str:
        """The id of the request that asked for the import."""
        return self.task.request_id

    def rows(self) -> ImportTaskQuerySet:
        """The task while this lease holds; an update that touches no row means that it was lost."""
        return ImportTask.objects.occupying().filter(pk=self.task_id, fence=self.fence)


def claim(*, worker: str) -> Lease | None:
    """Take the next task that may start, or None when there is none or no place is free.

    :param worker: host and process, for the history.
    """
    with one_at_a_time(CLAIM_LOCK):
        now = timezone.now()
        places = _places_now(now)
        if writers.held():  # what began a moment before it is seen among the running, and stops
            return None
        if len(places) >= settings.IMPORT_MAX_RUNNING:
            return None
        windows.hold_back(now)
        task = next_task(ImportTask.objects.eligible(now), places, now)
        return _start(task, worker=worker) if task else None


def renew(lease: Lease) -> bool:
    """Heartbeat: the lease holds for another ``IMPORT_LEASE_SECONDS``.

    :returns: whether someone asked to cancel.
    :raises LeaseLost: it was taken over or ended.
    """
    _leases().renew(lease.rows(), timezone.now())
    return cancel_asked(lease)


def begin_commit(lease: Lease) -> bool:
    """Heartbeat right before the target's tag is put: from here on the task is carried through, whatever happens.

    :returns: False when someone asked to cancel in time: then the tag must stay as it is.
    :raises LeaseLost: it was taken over or ended.
    """
    begun = _leases().take(lease.rows().running(), timezone.now(), publishing=True)
    return begun or not cancel_asked(lease)


def undo_commit(lease: Lease) -> None:
    """The target was asked and the tag is not there: from here on the task is as any other that has failed."""
    lease.rows().running().update(publishing=False)


def cancel_asked(lease: Lease) -> bool:
    """Whether someone asked to cancel.

    :raises LeaseLost:
    """
    status = lease.rows().values_list("status", flat=True).first()
    if status is None:
        raise LeaseLost
    return bool(status == Status.CANCELING)


def hand_back(lease: Lease) -> None:
    """Return the task unharmed: the worker has been told to stop. Burns no attempt.

    :raises LeaseLost:
    """
    _back_to_waiting(lease, outcome=Outcome.HANDED_BACK)


def wait(lease: Lease, *, until: dt.datetime, message: dict[str, Any]) -> None:
    """Return the task to wait for something outside until ``until``.

    :param message: what for (:func:`imageimport.messages.parts`).

    :raises LeaseLost:
    """
    _back_to_waiting(lease, outcome=Outcome.WAITING, until=until, message=message)


def wait_for_hours(lease: Lease) -> None:
    """Return the task until the hours in which it may move bytes. Burns no attempt, and is no bounded wait.

    :raises LeaseLost:
    """
    now = timezone.now()
    opens = windows.opening(
        Project.objects.values_list("window", flat=True).get(pk=lease.task.project_id), now
    )
    _back_to_waiting(
        lease,
        outcome=Outcome.WAITING,
        until=windows.until(opens, now),
        message=windows.waiting_parts(opens),
        hours=True,
    )


def wait_for_collection(lease: Lease) -> None:
    """Return the task until the registry's garbage is collected. Burns no attempt.

    :raises LeaseLost:
    """
    _back_to_waiting(lease, outcome=Outcome.HANDED_BACK, message=parts(COLLECTING))


def try_again(lease: Lease, *, pause: float, error: OciError) -> None:
    """Return the task after a passing fault; it starts again after ``pause`` seconds.

    :raises LeaseLost:
    """
    until = timezone.now() + dt.timedelta(seconds=pause)
    _back_to_waiting(lease, outcome=Outcome.FAILED, until=until, error=error)


def give_way(lease: Lease, *, error: OciError) -> None:
    """Return the task to the end of the line, since imports of others wait for its place. Burns no attempt, but its
    time counts.

    :param error: for the history.
    :raises LeaseLost:
    """
    now = timezone.now()
    until = now + dt.timedelta(seconds=GIVE_WAY_PAUSE)
    with transaction.atomic():
        note_turn(lease.task, now)
        _back_to_waiting(lease, outcome=Outcome.HANDED_BACK, until=until, error=error)


def take_over_lost() -> int:
    """Give back, or end, what lost its heartbeat. Returns how many."""
    with one_at_a_time(CLAIM_LOCK):
        return _take_over(places_taken(), timezone.now())


# --- claim -------------------------------------------------------------------------------------------


def _places_now(now: dt.datetime) -> list[Place]:
    """The places that are taken, once what was lost has given its place back."""
    places = places_taken()
    return places_taken() if _take_over(places, now) else places


def _start(task: ImportTask, *, worker: str) -> Lease | None:
    now = timezone.now()
    lease = Lease(task.pk, fence=task.fence + 1, attempt=task.attempts + 1, task=task)
    message = parts(gettext_noop("Starting the import"))
    taken = _leases().take(
        ImportTask.objects.waiting().filter(pk=task.pk, fence=task.fence),
        now,
        status=Status.RUNNING,
        stage=Stage.START,
        # Never less than an earlier attempt had shown: what it brought is there.
        progress=max(task.progress, STAGE_PROGRESS[Stage.START]),
        message=english(message),
        message_parts=message,
        error="",
        error_parts={},
        error_code="",
        attempts=lease.attempt,
        fence=lease.fence,
        lease_owner=worker,
        not_before=None,
        waits_for_window=False,
        bytes_done=0,
        bytes_reused=0,
        rate=0,
        eta_seconds=None,
        started_at=now,
        updated_at=now,
    )
    if not taken:
        return None
    ImportAttempt.objects.create(
        task=task, fence=lease.fence, attempt=lease.attempt, worker=worker, started_at=now
    )
    if lease.fence == 1:
        counters.add(counters.of_begin(task, now))
    note_turn(task, now)
    return lease


def _leases() -> Leases:
    return Leases("lease_expires_at", settings.IMPORT_LEASE_SECONDS)


# --- giving back and taking over ---------------------------------------------------------------------


def _back_to_waiting(
    lease: Lease,
    *,
    outcome: Outcome,
    until: dt.datetime | None = None,
    message: dict[str, Any] | None = None,
    error: OciError | None = None,
    hours: bool = False,
) -> None:
    """Give the import back, so that it waits.

    :param message: for the row; else the error's.
    """
    if message is None:
        message = of_error(error) if error else parts(WAITING)
    now = timezone.now()
    burns_attempt = outcome in (Outcome.FAILED, Outcome.LOST)
    changes: dict[str, Any] = {} if burns_attempt else {"attempts": F("attempts") - 1}
    if hours:
        changes["waits_for_window"] = True
    elif outcome == Outcome.WAITING:
        changes["waiting_since"] = _first_wait(lease, now)
    with transaction.atomic():
        if not _leases().give_back(
            lease.rows().running(),
            status=Status.PENDING,
            stage="",
            message=english(message),
            message_parts=message,
            not_before=until,
            lease_owner="",
            rate=0,
            eta_seconds=None,
            updated_at=now,
            **changes,
        ):
            # Asked to cancel in the meantime: then it does not go back, it ends.
            _end_canceled(lease)
            return
        if completion.close_attempt(lease.task_id, lease.fence, outcome=outcome, error=error, now=now):
            task = ImportTask.objects.only("source_registry", "bytes_done", "bytes_reused").get(
                pk=lease.task_id
            )
            counters.add(counters.of_attempt(task, outcome=outcome, code=error.code if error else ""))


def _first_wait(lease: Lease, now: dt.datetime) -> dt.datetime:
    return lease.rows().values_list("waiting_since", flat=True).first() or now


def _end_canceled(lease: Lease) -> None:
    if not lease.rows().exists():
        raise LeaseLost
    completion.end(lease.task_id, fence=lease.fence, status=Status.CANCELED)


def _take_over(places: Iterable[Place], now: dt.datetime) -> int:
    lost = [place.task for place in places if place.is_lost(now)]
    if not lost:
        return 0
    count = 0
    for task in ImportTask.objects.filter(pk__in=lost).only(
        "pk", "fence", "attempts", "status", "publishing"
    ):
        lease = Lease(task_id=task.pk, fence=task.fence, attempt=task.attempts, task=task)
        log.warning("import.lease_lost", task_id=str(task.pk), attempt=task.attempts)
        try:
            with transaction.atomic():
                _settle_lost(task, lease)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            # One row that can't be settled must not keep all others from being claimed.
            log.exception("import.not_settled", task_id=str(task.pk))
            continue
        count += 1
    return count


def _settle_lost(task: ImportTask, lease: Lease) -> None:
    most = settings.IMPORT_MAX_ATTEMPTS + (EXTRA_ATTEMPTS if task.publishing else 0)
    if task.status == Status.CANCELING:
        completion.end(task.pk, fence=task.fence, status=Status.CANCELED)
    elif task.attempts >= most:
        template = gettext_noop(
            "The worker was lost %(count)d times. Retry the import, or ask the administrator to check the "
            "workers."
        )
        error = OciError("worker_lost", template, count=task.attempts)
        completion.end(task.pk, fence=task.fence, status=Status.FAILED, outcome=Outcome.LOST, error=error)
    else:
        error = OciError("worker_lost", gettext_noop("The worker stopped responding."))
        _back_to_waiting(lease, outcome=Outcome.LOST, error=error)
