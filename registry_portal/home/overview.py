"""What a person meets first: what runs and what failed in their projects, what waits for them, what is stored."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Q, Sum
from django.utils import timezone

from imageimport.choices import OCCUPYING
from imageimport.models import ImportTask, Schedule
from imageimport.models.task import ImportTaskQuerySet
from imageimport.requests.askers import is_asked_by
from projects.models import Holding, Project, Role
from projects.retention.usage import Growth, growth_of, total
from projects.selectors import own_projects, visible_projects
from projects.views.decorators import current_rights

#: Rows of each list; the projects' own pages have the others.
MAX_ROWS: Final = 8
#: A failure that no one dismissed stands here for so many days.
FAILED_DAYS: Final = 7
#: Up to so many are counted.
COUNTED: Final = 1000
MAX_PROJECTS: Final = 12
MAX_SYNCS: Final = 4
#: Projects that one may choose from to import into.
MAX_TARGETS: Final = 200

_IMPORTING: Final = (Role.DEVELOPER, Role.MAINTAINER, Role.OWNER)
_DECIDING: Final = (Role.MAINTAINER, Role.OWNER)


@dataclass(frozen=True, slots=True)
class Tasks:
    """Some imports of several projects, newest first; ``more``: these are not all."""

    rows: list[ImportTask]
    more: bool


@dataclass(frozen=True, slots=True)
class Now:
    """What runs in a person's projects, and how many imports wait (at most :data:`COUNTED`)."""

    running: list[ImportTask]
    waiting: int

    @property
    def moving(self) -> bool:
        """Whether anything may change by itself."""
        return bool(self.running or self.waiting)


@dataclass(frozen=True, slots=True)
class Held:
    """What a person's projects hold: sizes of their tags, bytes, and day by day, the last day now."""

    images: int
    bytes: int
    days: list[Growth]
    largest: list[Holding]

    @property
    def grown(self) -> int:
        """Bytes since the first of the days; negative where it became less."""
        return self.bytes - self.days[0].bytes

    @property
    def span(self) -> int:
        """From the first of the days until now, days."""
        return (self.days[-1].day - self.days[0].day).days


def now_of(user: Any) -> Now:
    """What runs and waits."""
    # As many as workers have places. Ordered here: for that, SQLite walks from the newest import to find the few.
    running = sorted(_occupying(user), key=lambda task: (task.created_at, task.id), reverse=True)[:MAX_ROWS]
    waiting = _in_projects_of(user).waiting().order_by().values("pk")[:COUNTED]
    return Now(_with_projects(user, running), waiting.count())


def failed_of(user: Any) -> Tasks:
    """Failures of the last days that no one dismissed or retried."""
    since = timezone.now() - dt.timedelta(days=FAILED_DAYS)
    found = _in_projects_of(user).failed().filter(dismissed_at=None, created_at__gte=since)
    rows = _with_projects(user, found[: MAX_ROWS + 1])
    return Tasks(rows[:MAX_ROWS], len(rows) > MAX_ROWS)


def next_syncs(user: Any) -> list[Schedule]:
    """The scheduled syncs of the person's projects that run next, the first one first."""
    found = Schedule.objects.filter(enabled=True, next_run_at__isnull=False)
    if not user.is_superuser:
        found = found.filter(project__in=own_projects(user).values("pk"))
    return list(found.select_related("project").order_by("next_run_at", "pk")[:MAX_SYNCS])


def to_decide(user: Any) -> Tasks:
    """Requests that the person may approve or reject."""
    deciding = own_projects(user).filter(role__in=_DECIDING)
    found = ImportTask.objects.requested().filter(project__in=deciding.values("pk"))
    found = found.exclude(Q(project__four_eyes=True) & is_asked_by(user))
    rows = _with_projects(user, found.for_lists().select_related("approval").newest_first()[: MAX_ROWS + 1])
    return Tasks(rows[:MAX_ROWS], len(rows) > MAX_ROWS)


def held_by(user: Any) -> Held:
    """Bytes and images of the person's projects, and how these grew."""
    mine = own_projects(user).values("pk")
    rows = Holding.objects.filter(project__in=mine)
    found = rows.aggregate(images=Sum("images"), bytes=total("bytes"))
    largest = rows.filter(bytes__gt=0).select_related("project").order_by("-bytes", "project__name")
    return Held(
        images=found["images"] or 0,
        bytes=int(found["bytes"] or 0),
        days=growth_of(mine, timezone.now()),
        largest=list(largest[:MAX_ROWS]),
    )


def projects_of(user: Any) -> tuple[list[Any], bool]:
    """Projects to show, the person's own or, where there are none, those that they may read; whether there are more."""
    visible: Any = visible_projects(user).order_by("name")
    found: list[Any] = list(visible.filter(role__isnull=False)[: MAX_PROJECTS + 1])
    found = found or list(visible[: MAX_PROJECTS + 1])
    for project in found:
        project.role_label = Role(project.role).label if project.role else ""
    return found[:MAX_PROJECTS], len(found) > MAX_PROJECTS


def targets_of(user: Any) -> list[str]:
    """Names of projects that the person may import into."""
    found = own_projects(user).filter(role__in=_IMPORTING).order_by("name")
    return list(found.values_list("name", flat=True)[:MAX_TARGETS])


def _occupying(user: Any) -> ImportTaskQuerySet:
    return _in_projects_of(user).filter(status__in=OCCUPYING).order_by()


def _in_projects_of(user: Any) -> ImportTaskQuerySet:
    """Imports of the person's projects, newest first; a superuser's are all."""
    found = ImportTask.objects.for_lists().newest_first()
    return found if user.is_superuser else found.filter(project__in=own_projects(user).values("pk"))


def _with_projects(user: Any, found: Iterable[ImportTask]) -> list[ImportTask]:
    """Each with its project, which knows the person's role, and with what the role allows: ``can``."""
    rows: list[Any] = list(found)
    projects: dict[Any, Project] = (
        own_projects(user).in_bulk({row.project_id for row in rows}) if rows else {}
    )
    # One that was deleted a moment ago has none.
    rows = [row for row in rows if row.project_id in projects]
    for row in rows:
        row.project = projects[row.project_id]
        row.can = current_rights(row.project)
    return rows
