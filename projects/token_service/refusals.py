"""Refusals of the token service to anonymous callers: counted by project and hour; they fill no audit log."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import F, Sum
from django.utils import timezone

from projects.models import RefusalCount

#: Where counts go that are older than pages show: their sum is a number that only grows.
_BEFORE: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
#: Projects that one request is counted for; anyone who names more asks for no image.
MAX_PROJECTS: Final = 5
#: Counts by the hour are kept this long, days.
KEPT_DAYS: Final = 30


def count(projects: Iterable[str], now: dt.datetime | None = None) -> None:
    """One more refusal in each of these projects; the empty name stands for what is no project."""
    hour = (now or timezone.now()).replace(minute=0, second=0, microsecond=0)
    for name in sorted(set(projects))[:MAX_PROJECTS]:
        _add(name, hour, 1)


def lately(project: str, now: dt.datetime | None = None) -> int:
    """Refusals of the last day in a project, counted by whole hours."""
    since = (now or timezone.now()) - dt.timedelta(hours=24)
    rows = RefusalCount.objects.filter(project_name=project, hour__gt=since)
    return int(rows.aggregate(found=Sum("count"))["found"] or 0)


def total() -> int:
    """All that were ever counted."""
    return int(RefusalCount.objects.aggregate(found=Sum("count"))["found"] or 0)


def fold(now: dt.datetime) -> int:
    """Make one row of those that are older than :data:`KEPT_DAYS`. Returns how many went."""
    old = RefusalCount.objects.filter(hour__lt=now - dt.timedelta(days=KEPT_DAYS)).exclude(hour=_BEFORE)
    with transaction.atomic():
        rows = list(old.select_for_update()[:5000])
        if rows:
            RefusalCount.objects.filter(pk__in=[row.pk for row in rows]).delete()
            _add("", _BEFORE, sum(row.count for row in rows))
    return len(rows)


def _add(name: str, hour: dt.datetime, number: int) -> None:
    row = RefusalCount.objects.filter(project_name=name, hour=hour)
    if row.update(count=F("count") + number):
        return
    try:
        with transaction.atomic():
            RefusalCount.objects.create(project_name=name, hour=hour, count=number)
    except IntegrityError:  # another process made it in between
        row.update(count=F("count") + number)
