"""The places among the running imports: who holds them, and whose import takes the next one.

Within the limits of installation, account and project the next place goes to the most urgent account, then to the one
with the fewest running, then to the one served longest ago; within an account to its projects in the same way; within
a project to the most urgent import, then the oldest. Work that is less urgent is passed over for
:data:`PASSED_OVER_SECONDS` at most: then its account counts as interactive until it is served once.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Min, QuerySet
from django.utils import timezone

from imageimport import turns
from imageimport.choices import Priority
from imageimport.models import ImportTask, ProjectTurn
from imageimport.turns import account_of

#: Batches and schedules of an account wait behind interactive imports of others for this long, seconds.
PASSED_OVER_SECONDS: Final = 300.0


class Place(NamedTuple):
    """What a task that occupies a place says of it."""

    task: UUID
    project: UUID
    user: int | None
    expires_at: dt.datetime | None
    updated_at: dt.datetime

    @property
    def account(self) -> str:
        return account_of(self.user, self.project)

    def is_lost(self, now: dt.datetime) -> bool:
        """A row without an expiry was not claimed here (an old release, a bulk insert): its age decides."""
        if self.expires_at is not None:
            return self.expires_at < now
        return self.updated_at < now - dt.timedelta(seconds=settings.IMPORT_LEASE_SECONDS)


class _Waiting(NamedTuple):
    """What waits for one account in one project: the most urgent priority, and since when."""

    account: str
    project: UUID
    user: int | None
    priority: int
    since: dt.datetime


def places_taken() -> list[Place]:
    """All of them, those of lost workers too."""
    rows = ImportTask.objects.occupying().order_by()
    columns = ("pk", "project_id", "requested_by_id", "lease_expires_at", "updated_at")
    return [Place(*row) for row in rows.values_list(*columns)]


def next_task(ready: QuerySet[ImportTask], places: Sequence[Place], now: dt.datetime) -> ImportTask | None:
    """The import of ``ready`` that takes the next place; None where each has to wait for one of its own kind."""
    ready = _within_limits(ready, places)
    waiting = _waiting(ready)
    if not waiting:
        return None
    account = _account_in_turn(waiting, places, now)
    own = [each for each in waiting if each.account == account]
    chosen = _project_in_turn(own, places)
    tasks = ready.filter(project=chosen.project, requested_by=chosen.user)
    return tasks.select_related("project", "requested_by").order_by("priority", "created_at", "id").first()


def note_turn(task: ImportTask, now: dt.datetime) -> None:
    """The task's account and project were served."""
    turns.note(turns.Kind.IMPORT, [account_of(task.requested_by_id, task.project_id)], now)
    ProjectTurn.objects.bulk_create(
        [ProjectTurn(project_id=task.project_id, served_at=now)],
        update_conflicts=True,
        unique_fields=["project"],
        update_fields=["served_at"],
    )


def is_wanted(task: ImportTask) -> bool:
    """Whether an import of another account waits for the place that ``task`` holds."""
    places = places_taken()
    others = [place for place in places if place.task != task.pk]
    if len(others) == len(places):
        return False
    waiting = ImportTask.objects.eligible(timezone.now())
    mine = {"project": task.project_id} if task.requested_by_id is None else {}
    waiting = waiting.exclude(requested_by=task.requested_by_id, **mine)
    if len(places) < settings.IMPORT_MAX_RUNNING:
        # The installation has room: only those of the same project can be waiting for this place.
        waiting = waiting.filter(project=task.project_id)
        if (
            sum(place.project == task.project_id for place in places)
            < settings.IMPORT_MAX_RUNNING_PER_PROJECT
        ):
            return False
    return _within_limits(waiting, others).exists()


def most_of_account() -> int:
    """Places that one account may hold."""
    return settings.IMPORT_MAX_RUNNING_PER_USER or max(1, settings.IMPORT_MAX_RUNNING - 1)


def _within_limits(ready: QuerySet[ImportTask], places: Sequence[Place]) -> QuerySet[ImportTask]:
    """Without what has to wait for a place of its own project or account."""
    of_projects = Counter(place.project for place in places)
    of_users = Counter(place.user for place in places if place.user is not None)
    most = settings.IMPORT_MAX_RUNNING_PER_PROJECT
    projects = [project for project, count in of_projects.items() if count >= most]
    users = [user for user, count in of_users.items() if count >= most_of_account()]
    if users:
        # The operator may use all places.
        users = list(User.objects.filter(pk__in=users, is_superuser=False).values_list("pk", flat=True))
    return ready.exclude(project__in=projects).exclude(requested_by__in=users)


def _waiting(ready: QuerySet[ImportTask]) -> list[_Waiting]:
    groups = ready.order_by().values("project_id", "requested_by_id")
    return [
        _Waiting(
            account=account_of(group["requested_by_id"], group["project_id"]),
            project=group["project_id"],
            user=group["requested_by_id"],
            priority=group["best"],
            since=group["since"],
        )
        for group in groups.annotate(best=Min("priority"), since=Min("created_at"))
    ]


def _account_in_turn(waiting: Sequence[_Waiting], places: Iterable[Place], now: dt.datetime) -> str:
    accounts: dict[str, list[_Waiting]] = {}
    for each in waiting:
        accounts.setdefault(each.account, []).append(each)
    if len(accounts) == 1:
        return next(iter(accounts))
    running = Counter(place.account for place in places)
    served = turns.served_at(turns.Kind.IMPORT, accounts)
    passed_over = now - dt.timedelta(seconds=PASSED_OVER_SECONDS)

    def order(account: str) -> tuple[int, int, dt.datetime, dt.datetime, str]:
        own, last = accounts[account], served.get(account, turns.NEVER)
        since = min(each.since for each in own)
        is_passed_over = max(last, since) < passed_over
        urgency = Priority.INTERACTIVE if is_passed_over else min(each.priority for each in own)
        return urgency, running[account], last, since, account

    return min(accounts, key=order)


def _project_in_turn(waiting: Sequence[_Waiting], places: Iterable[Place]) -> _Waiting:
    if len(waiting) == 1:
        return waiting[0]
    running = Counter(place.project for place in places)
    turn = ProjectTurn.objects.filter(project__in=[each.project for each in waiting])
    served = dict(turn.values_list("project_id", "served_at"))

    def order(each: _Waiting) -> tuple[int, int, dt.datetime, str]:
        last = served.get(each.project, turns.NEVER)
        return each.priority, running[each.project], last, str(each.project)

    return min(waiting, key=order)
