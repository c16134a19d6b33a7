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
from django.db.models import F, QuerySet
from django.utils import timezone

from imageimport.choices import OCCUPYING, STAGE_PROGRESS, Outcome, Stage, Status
from imageimport.messages import english, parts
from imageimport.metrics import counters
from imageimport.models import ImportAttempt, ImportTask
from imageimport.turns import one_at_a_time
from imageimport.worker import completion
from imageimport.worker.places import Place, eligible, next_task, note_turn, places_taken
from oci.errors import gettext_noop

log = structlog.get_logger(__name__)

#: Number of PostgreSQL's advisory lock around claims; any fixed number that nothing else uses.
CLAIM_LOCK: Final = 0x1A9E7
#: Attempts beyond the limit for a task whose tag may have been put: it says failed only where the tag stands.
EXTRA_ATTEMPTS: Final = 3
#: What gave way stays out of the line for so long, so that those behind it in its own project go first. Seconds.
GIVE_WAY_PAUSE: Final = 20.0


class LeaseLost(Exception):
    """The row is no longer this attempt's; nothing that it knows may be written."""


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
        """Of the request that asked for the import."""
        return self.task.request_id

    def rows(self) -> QuerySet[ImportTask]:
        """The task while this lease holds; an update that touches no row means that it was lost."""
        return ImportTask.objects.filter(pk=self.task_id, fence=self.fence, status__in=OCCUPYING)


def claim(*, worker: str) -> Lease | None:
    """Take the next task that may start, or None when there is none or no place is free.

    :param worker: host and process, for the history.
    """
    with one_at_a_time(CLAIM_LOCK):
        now = timezone.now()
        places = _places_now(now)
        if len(places) >= settings.IMPORT_MAX_RUNNING:
            return None
        task = next_task(eligible(now), places, now)
        return _start(task, worker=worker) if task else None


def renew(lease: Lease) -> bool:
    """Heartbeat: the lease holds for another ``IMPORT_LEASE_SECONDS``.

    :returns: whether someone asked to cancel.
    :raises LeaseLost: it was taken over or ended.
    """
    if not lease.rows().update(lease_expires_at=_expiry(timezone.now())):
        raise LeaseLost
    return cancel_asked(lease)


def begin_commit(lease: Lease) -> bool:
    """Heartbeat right before the target's tag is put: from here on the task is carried through, whatever happens.

    :returns: False when someone asked to cancel in time: then the tag must stay as it is.
    :raises LeaseLost: it was taken over or ended.
    """
    now = timezone.now()
    begun = lease.rows().filter(status=Status.RUNNING).update(committing=True, lease_expires_at=_expiry(now))
    return bool(begun) or not cancel_asked(lease)


def undo_commit(lease: Lease) -> None:
    """The target was asked and the tag is not there: from here on the task is as any other that has failed."""
    lease.rows().filter(status=Status.RUNNING).update(committing=False)


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
    _back_to_waiting(lease, outcome=Outcome.HANDED_BACK, counts=False)


def wait(lease: Lease, *, until: dt.datetime, said: dict[str, Any]) -> None:
    """Return the task to wait for something outside until ``until``; ``said`` tells people for what.

    :raises LeaseLost:
    """
    _back_to_waiting(lease, outcome=Outcome.WAITING, counts=False, until=until, said=said)


def try_again(lease: Lease, *, pause: float, code: str, said: dict[str, Any]) -> None:
    """Return the task after a passing fault; it starts again after ``pause`` seconds.

    :raises LeaseLost:
    """
    until = timezone.now() + dt.timedelta(seconds=pause)
    _back_to_waiting(lease, outcome=Outcome.FAILED, counts=True, until=until, said=said, code=code)


def give_way(lease: Lease, *, said: dict[str, Any]) -> None:
    """Return the task to the end of the line, since imports of others wait for its place. Burns no attempt, but its
    time counts; the history says ``stalled``.

    :raises LeaseLost:
    """
    now = timezone.now()
    until = now + dt.timedelta(seconds=GIVE_WAY_PAUSE)
    with transaction.atomic():
        note_turn(lease.task, now)
        _back_to_waiting(
            lease, outcome=Outcome.HANDED_BACK, counts=False, until=until, said=said, code="stalled"
        )


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
    said = parts(gettext_noop("Starting the import"))
    taken = ImportTask.objects.filter(pk=task.pk, status=Status.PENDING, fence=task.fence).update(
        status=Status.RUNNING,
        stage=Stage.START,
        # Never less than an earlier attempt had shown: what it brought is there.
        progress=max(task.progress, STAGE_PROGRESS[Stage.START]),
        message=english(said),
        message_parts=said,
        error="",
        error_parts={},
        error_code="",
        attempts=lease.attempt,
        fence=lease.fence,
        lease_owner=worker,
        lease_expires_at=_expiry(now),
        not_before=None,
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


def _expiry(now: dt.datetime) -> dt.datetime:
    return now + dt.timedelta(seconds=settings.IMPORT_LEASE_SECONDS)


# --- giving back and taking over ---------------------------------------------------------------------


def _back_to_waiting(
    lease: Lease,
    *,
    outcome: Outcome,
    counts: bool,
    until: dt.datetime | None = None,
    said: dict[str, Any] | None = None,
    code: str = "",
) -> None:
    said = said or parts(gettext_noop("Waiting to start"))
    now = timezone.now()
    changes: dict[str, Any] = {} if counts else {"attempts": F("attempts") - 1}
    if outcome == Outcome.WAITING:
        changes["waiting_since"] = _first_wait(lease, now)
    with transaction.atomic():
        if (
            not lease.rows()
            .filter(status=Status.RUNNING)
            .update(
                status=Status.PENDING,
                stage="",
                message=english(said),
                message_parts=said,
                not_before=until,
                lease_owner="",
                lease_expires_at=None,
                rate=0,
                eta_seconds=None,
                updated_at=now,
                **changes,
            )
        ):
            # Asked to cancel meanwhile: then it does not go back, it ends.
            _end_canceled(lease, now)
            return
        if completion.close_attempt(
            lease.task_id, lease.fence, outcome=outcome, code=code, said=said, now=now
        ):
            task = ImportTask.objects.only("source_registry", "bytes_done", "bytes_reused").get(
                pk=lease.task_id
            )
            counters.add(counters.of_attempt(task, outcome=outcome, code=code))


def _first_wait(lease: Lease, now: dt.datetime) -> dt.datetime:
    return lease.rows().values_list("waiting_since", flat=True).first() or now


def _end_canceled(lease: Lease, now: dt.datetime) -> None:
    if not lease.rows().exists():
        raise LeaseLost
    completion.end(lease.task_id, fence=lease.fence, status=Status.CANCELED, now=now)


def _take_over(places: Iterable[Place], now: dt.datetime) -> int:
    lost = [place.task for place in places if place.is_lost(now)]
    if not lost:
        return 0
    count = 0
    for task in ImportTask.objects.filter(pk__in=lost).only(
        "pk", "fence", "attempts", "status", "committing"
    ):
        lease = Lease(task_id=task.pk, fence=task.fence, attempt=task.attempts, task=task)
        log.warning("import.lease_lost", task_id=str(task.pk), attempt=task.attempts)
        try:
            with transaction.atomic():
                _settle_lost(task, lease, now)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            # One row that can't be settled must not keep all others from being claimed.
            log.exception("import.not_settled", task_id=str(task.pk))
            continue
        count += 1
    return count


def _settle_lost(task: ImportTask, lease: Lease, now: dt.datetime) -> None:
    said = parts(gettext_noop("The worker stopped answering."))
    most = settings.IMPORT_MAX_ATTEMPTS + (EXTRA_ATTEMPTS if task.committing else 0)
    if task.status == Status.CANCELING:
        completion.end(task.pk, fence=task.fence, status=Status.CANCELED, now=now)
    elif task.attempts >= most:
        said = parts(
            gettext_noop(
                "The worker was lost %(count)d times. Retry the import, or ask the operator to look at the workers."
            ),
            {"count": task.attempts},
        )
        completion.end(
            task.pk,
            fence=task.fence,
            status=Status.FAILED,
            outcome=Outcome.LOST,
            code="worker_lost",
            said=said,
            now=now,
        )
    else:
        _back_to_waiting(lease, outcome=Outcome.LOST, counts=True, said=said, code="worker_lost")
