"""Which repository each schedule keeps up to date."""

from __future__ import annotations

from collections import defaultdict

from imageimport.models import Schedule
from imageimport.submission.requests import default_target_name
from oci.errors import OciError
from oci.reference.parser import read_pasted
from projects.models import Project
from projects.repositories import Sync


def of_project(project: Project) -> dict[str, list[Sync]]:
    """The schedules that are switched on, by the repository that they write to; one query."""
    found: defaultdict[str, list[Sync]] = defaultdict(list)
    rows = Schedule.objects.filter(project=project, enabled=True).order_by("image_url", "id")
    for pk, image_url, name, cron in rows.values_list("pk", "image_url", "target_name", "cron"):
        try:
            target = name or default_target_name(project, read_pasted(image_url).reference)
        except OciError:
            continue  # written by hand: it never runs
        found[target].append(Sync(pk, image_url, cron))
    return dict(found)
