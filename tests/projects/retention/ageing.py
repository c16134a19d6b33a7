"""Tags of some age, and those that clean-up would keep."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.utils import timezone

from projects.models import Image, Project
from projects.retention import cleanup
from tests.support.people import Team

DAY = dt.timedelta(days=1)


def aged(team: Team, tag: str, days: int, **values: Any) -> Image:
    image = team.image("app", tag, **values)
    Image.objects.filter(pk=image.pk).update(updated_at=timezone.now() - days * DAY)
    return image


def kept(project: Project) -> set[str]:
    return {verdict.tag.tag for verdict in cleanup.plan(project).keep}
