"""Which scheduled runs are compared now: some at once, of different projects and accounts, each for a turn.

A run's account is the user who answers for its schedule. One account has one run under comparison, so however many
schedules it has, and however slow their sources are, another's run finds a place.
"""

from __future__ import annotations

import datetime as dt
import os
import secrets
import socket
import uuid
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from imageimport import turns
from imageimport.models import ScheduleRun
from imageimport.turns import account_of, one_at_a_time
from imageimport.worker import shutdown
from projects.locking import Leases

#: Number of PostgreSQL's advisory lock around claims of runs; any fixed number that nothing else uses.
CLAIM_LOCK: Final = 0x1A9E8
#: Renewed after each step of a run; a step takes less, whatever the source does.
LEASES: Final = Leases("lease_expires_at", 240)
#: Runs under comparison at once in the whole installation.
MAX_RUNS: Final = 2


@dataclass(frozen=True, slots=True)
class RunLease:
    """The right to work at a run while the row names this owner."""

    run_id: uuid.UUID
    owner: str

    def rows(self) -> Any:
        return ScheduleRun.objects.filter(
            pk=self.run_id, lease_owner=self.owner, checked_at=None, ended_at=None
        )

    def write(self, **columns: Any) -> None:
        """Change columns of the run while its lease holds, and renew it.

        :raises projects.locking.LeaseLost: another worker has the run, or it is gone.
        """
        LEASES.renew(self.rows(), timezone.now(), **columns)


def claim() -> RunLease | None:
    """Take up the run whose turn it is, unless enough are under way."""
    if shutdown.requested():
        return None
    with one_at_a_time(CLAIM_LOCK):
        now = timezone.now()
        accounts, projects = _under_comparison(now)
        if len(projects) >= MAX_RUNS:
            return None
        found = _next(now, set(accounts), set(projects))
        if found is None:
            return None
        owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"[:120]
        LEASES.take(_free(now).filter(pk=found), now, lease_owner=owner, tries=F("tries") + 1)
        return RunLease(found, owner)


def is_waited_for(run: ScheduleRun) -> bool:
    """Whether a run that may not begin beside this one, or has no room beside it, waits for its turn."""
    now = timezone.now()
    _accounts, projects = _under_comparison(now)
    others = _free(now)
    if len(projects) >= MAX_RUNS:
        return others.exists()
    schedule = run.schedule
    same = Q(schedule__project=schedule.project_id)
    if schedule.created_by_id is not None:
        same |= Q(schedule__created_by=schedule.created_by_id)
    return others.filter(same).exists()


def note(run: ScheduleRun) -> None:
    """The run's account and project had their turn."""
    schedule = run.schedule
    names = {
        account_of(schedule.created_by_id, schedule.project_id),
        turns.project_account(schedule.project_id),
    }
    turns.note(turns.Kind.SYNC, names, timezone.now())


def _open() -> QuerySet[ScheduleRun]:
    return ScheduleRun.objects.filter(checked_at=None, ended_at=None)


def _free(now: dt.datetime) -> QuerySet[ScheduleRun]:
    """No one works at them, and none waits for a rate limit."""
    return _open().filter(LEASES.is_free(now))


def _under_comparison(now: dt.datetime) -> tuple[list[str], list[uuid.UUID]]:
    """Accounts and projects of the runs that a worker has."""
    rows = _open().filter(LEASES.is_held(now)).exclude(lease_owner="")
    found = list(rows.values_list("schedule__created_by", "schedule__project"))
    return [account_of(*each) for each in found], [project for _user, project in found]


def _next(now: dt.datetime, accounts: set[str], projects: set[uuid.UUID]) -> uuid.UUID | None:
    """The account served longest ago, then its project served longest ago, then the run that waits longest."""
    rows = _free(now).annotate(since=Coalesce("lease_expires_at", "started_at")).order_by("since", "pk")
    waiting = [
        (account_of(user, project), turns.project_account(project), since, pk)
        for pk, since, user, project in rows.values_list(
            "pk", "since", "schedule__created_by", "schedule__project"
        )
        if project not in projects and account_of(user, project) not in accounts
    ]
    served = turns.served_at(turns.Kind.SYNC, {name for each in waiting for name in each[:2]})

    def order(each: tuple[str, str, dt.datetime, uuid.UUID]) -> tuple[Any, ...]:
        account, project, since, pk = each
        return *turns.longest_ago(served, account), *turns.longest_ago(served, project), since, pk

    return min(waiting, key=order)[3] if waiting else None
