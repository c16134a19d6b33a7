"""What a project's bytes are: its own and those that others hold too, what no one pulls, how it grew."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import Exists, FloatField, Max, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Cast
from django.utils import timezone

from oci.copy.referrers import ATTACHMENT_TAG
from projects.models import Holding, Image, ImageBlob, Project, TrashedTag, UsageDay

#: Days of growth that are shown.
SHOWN_DAYS: Final = 90


@dataclass(frozen=True, slots=True)
class Growth:
    """What the project held at the end of a day; today: now."""

    day: dt.date
    bytes: int


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes as the registry stores them: each blob once.

    :param distinct: of all blobs that the project's tags name.
    :param shared: of those of them that other projects hold, too.
    :param never_pulled: tags that no one has pulled yet.
    :param trash: sizes of what is in the trash.
    """

    distinct: int
    shared: int
    never_pulled: int
    trash: int
    growth: list[Growth]

    @property
    def own(self) -> int:
        """The bytes of blobs that no other project holds."""
        return self.distinct - self.shared


def stored(project: Project, now: dt.datetime | None = None) -> Stored:
    """For the page and the API."""
    elsewhere = ImageBlob.objects.filter(digest=OuterRef("digest")).exclude(project=project)
    once = ImageBlob.objects.filter(project=project).values("digest").annotate(once=Max("size"))
    blobs = once.annotate(elsewhere=Exists(elsewhere)).aggregate(
        distinct=total("once"), shared=total("once", filter=Q(elsewhere=True))
    )
    trash = TrashedTag.objects.filter(project=project, gone_at=None).aggregate(found=total("size"))["found"]
    return Stored(
        distinct=int(blobs["distinct"] or 0),
        shared=int(blobs["shared"] or 0),
        never_pulled=never_pulled(project).count(),
        trash=int(trash or 0),
        growth=growth(project, now or timezone.now()),
    )


def never_pulled(project: Project) -> QuerySet[Image]:
    """Tags that no one has pulled yet, without those of signatures and the like: they come with their image."""
    rows = Image.objects.filter(project=project, last_pulled_at=None, pull_count=0)
    # SQLite calls Python for each expression that it compares: only for tags that begin as these do.
    return rows.exclude(Q(tag__startswith="sha") & Q(tag__regex=f"^{ATTACHMENT_TAG}$"))


def growth(project: Project, now: dt.datetime) -> list[Growth]:
    """Day by day, oldest first, the last of them now."""
    return growth_of([project.pk], now)


def growth_of(projects: Collection[UUID] | QuerySet[Any, Any], now: dt.datetime) -> list[Growth]:
    """As :func:`growth`, of several projects together.

    :param projects: their ids, or a query for these.
    """
    today = now.date()
    since = today - dt.timedelta(days=SHOWN_DAYS)
    rows = UsageDay.objects.filter(project__in=projects, day__gt=since, day__lt=today)
    held = Holding.objects.filter(project__in=projects).aggregate(found=total("bytes"))["found"]
    days = rows.order_by("day").values_list("day").annotate(held=total("bytes"))
    return [*(Growth(day, int(size)) for day, size in days), Growth(today, int(held or 0))]


def total(column: str, **options: Any) -> Sum:
    """The sum of a column of bytes, as a float to be made an int: SQLite refuses sums of integers from 2**63 on."""
    return Sum(Cast(column, FloatField()), **options)


def note_day(now: dt.datetime) -> int:
    """Write down what each project holds today. Returns of how many."""
    rows = [
        UsageDay(project_id=project_id, day=now.date(), images=images, bytes=size)
        for project_id, images, size in Holding.objects.values_list("project_id", "images", "bytes")
    ]
    UsageDay.objects.bulk_create(
        rows,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["project", "day"],
        update_fields=["images", "bytes"],
    )
    return len(rows)
