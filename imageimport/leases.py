"""Who works at what: claim, heartbeat, give back, take over. Every write after the claim carries its fence.

The claim is the one place that decides what starts: within the limits of the installation and of the project,
interactive before scheduled, and fair between projects. It runs under one lock of the database, so the limits hold
exactly at every moment, however many workers ask.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from uuid import UUID

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F, Min, Q, QuerySet
from django.utils import timezone

from imageimport import counting, endings
from imageimport.choices import OCCUPYING, STAGE_PROGRESS, Outcome, Stage, Status
from imageimport.models import ImportAttempt, ImportTask, ProjectTurn
from imageimport.sentences import english, parts
from oci.errors import gettext_noop

log = structlog.get_logger(__name__)

#: Number of PostgreSQL's advisory lock around claims; any fixed number that nothing else uses.
CLAIM_LOCK: Final = 0x1A9E7
#: Attempts beyond the limit for a task whose tag may have been put: it says failed only where the tag stands.
EXTRA_ATTEMPTS: Final = 3


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
    with _one_at_a_time():
        now = timezone.now()
        busy = _busy(now)
        if sum(busy.values()) >= settings.IMPORT_MAX_RUNNING:
            return None
        full = [project for project, n in busy.items() if n >= settings.IMPORT_MAX_RUNNING_PER_PROJECT]
        ready = eligible(now).exclude(project__in=full)
        project = _whose_turn(ready, busy)
        if project is None:
            return None
        ready = ready.select_related("project", "requested_by")
        task = ready.filter(project=project).order_by("priority", "created_at", "id").first()
        return _start(task, worker=worker) if task else None


def eligible(now: dt.datetime) -> QuerySet[ImportTask]:
    """What waits and may start at ``now``, the limits aside."""
    return ImportTask.objects.filter(Q(not_before=None) | Q(not_before__lte=now), status=Status.PENDING)


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


def take_over_lost() -> int:
    """Give back, or end, what lost its heartbeat. Returns how many."""
    with _one_at_a_time():
        return _take_over(_places(), timezone.now())


# --- claim -------------------------------------------------------------------------------------------


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """SQLite's write transaction is a lock already (transaction_mode IMMEDIATE); PostgreSQL gets one by name."""
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CLAIM_LOCK])
        yield


def _busy(now: dt.datetime) -> Counter[UUID]:
    """How many places each project takes, once what was lost has given its place back."""
    places = _places()
    if _take_over(places, now):
        places = _places()
    return Counter(place.project for place in places)


class _Place(NamedTuple):
    """What a task that occupies a place says of it."""

    task: UUID
    project: UUID
    expires_at: dt.datetime | None
    updated_at: dt.datetime

    def is_lost(self, now: dt.datetime) -> bool:
        """A row without an expiry was not claimed here (an old release, a bulk insert): its age decides."""
        if self.expires_at is not None:
            return self.expires_at < now
        return self.updated_at < now - dt.timedelta(seconds=settings.IMPORT_LEASE_SECONDS)


def _places() -> list[_Place]:
    rows = ImportTask.objects.filter(status__in=OCCUPYING).order_by()
    return [_Place(*row) for row in rows.values_list("pk", "project_id", "lease_expires_at", "updated_at")]


def _whose_turn(ready: QuerySet[ImportTask], busy: Counter[UUID]) -> UUID | None:
    """The project whose import starts next: most urgent first, then fewest running, then served longest ago."""
    best = ready.order_by().values("project_id").annotate(best=Min("priority"))
    waiting = {row["project_id"]: row["best"] for row in best}
    if len(waiting) < 2:
        return next(iter(waiting), None)
    served = dict(
        ProjectTurn.objects.filter(project__in=list(waiting)).values_list("project_id", "served_at")
    )
    never = dt.datetime.min.replace(tzinfo=dt.UTC)
    return min(
        waiting,
        key=lambda project: (
            waiting[project],
            busy[project],
            served.get(project, never),
            str(project),
        ),
        default=None,
    )


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
        counting.add(counting.of_begin(task, now))
    ProjectTurn.objects.bulk_create(
        [ProjectTurn(project_id=task.project_id, served_at=now)],
        update_conflicts=True,
        unique_fields=["project"],
        update_fields=["served_at"],
    )
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
        if endings.close_attempt(lease.task_id, lease.fence, outcome=outcome, code=code, said=said, now=now):
            task = ImportTask.objects.only("source_registry", "bytes_done", "bytes_reused").get(
                pk=lease.task_id
            )
            counting.add(counting.of_attempt(task, outcome=outcome, code=code))


def _first_wait(lease: Lease, now: dt.datetime) -> dt.datetime:
    return lease.rows().values_list("waiting_since", flat=True).first() or now


def _end_canceled(lease: Lease, now: dt.datetime) -> None:
    if not lease.rows().exists():
        raise LeaseLost
    endings.end(lease.task_id, fence=lease.fence, status=Status.CANCELED, now=now)


def _take_over(places: Iterable[_Place], now: dt.datetime) -> int:
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
        endings.end(task.pk, fence=task.fence, status=Status.CANCELED, now=now)
    elif task.attempts >= most:
        said = parts(
            gettext_noop(
                "The worker was lost %(count)d times. Retry the import, or ask the operator to look at the workers."
            ),
            {"count": task.attempts},
        )
        endings.end(
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
