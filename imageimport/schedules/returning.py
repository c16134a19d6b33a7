"""Tags that a schedule is still to bring: clean-up leaves them, since they would come back at once.

What clean-up takes is not brought back as long as it is at its source what it was here
(:mod:`imageimport.schedules.comparison`). What the last run saw there as something else, and that has not come yet, is.
"""

from __future__ import annotations

from typing import Final

from django.db.models import OuterRef, Subquery
from django.utils.translation import gettext_noop

from imageimport.models import Schedule, ScheduleRun
from imageimport.schedules.work import validated_if_it_runs
from oci.errors import Note
from projects.models import Image, Project

_COMES: Final = gettext_noop("The scheduled sync of %(source)s will bring this tag again.")
#: What a run makes of a tag that the source has, and that is to come: its import did not end well, another import was
#: in its way, or the image is too young.
_TO_COME: Final = frozenset({"moved", "busy", "waiting"})


def tags_to_come(project: Project) -> dict[tuple[str, str], Note]:
    """By repository and tag; see :data:`projects.retention.cleanup.tag_keepers`."""
    # What was found before a schedule was changed says nothing.
    runs = ScheduleRun.objects.filter(
        schedule=OuterRef("pk"),
        checked_at__isnull=False,
        error_code="",
        started_at__gt=OuterRef("updated_at"),
    ).order_by("-started_at", "-id")
    schedules = Schedule.objects.filter(project=project, enabled=True)
    rows = schedules.annotate(found=Subquery(runs.values("items")[:1]))
    to_come: dict[tuple[str, str], Note] = {}
    for schedule in rows.select_related("project", "credential", "created_by"):
        was = {item["tag"]: item["was"] for item in schedule.found or () if item["result"] in _TO_COME}
        there = validated_if_it_runs(schedule) if was else None
        if there is None:
            continue
        name = there.task.target_name
        here = Image.objects.filter(project=project, repository=name).values_list("tag", "digest")
        for tag, digest in here.iterator():
            if was.get(tag) == digest:
                to_come[name, tag] = _COMES, {"source": there.source.name}
    return to_come
