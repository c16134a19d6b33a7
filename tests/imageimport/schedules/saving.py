"""Schedules that are saved."""

from __future__ import annotations

from typing import Any

from imageimport.models import Schedule
from imageimport.schedules import services as schedules
from projects.models import Project


def make(project: Project, **values: Any) -> Schedule:
    fields = {"image_url": "quay.io/a/b", "tags": ["1.*"], "cron": "0 3 * * *", **values}
    return schedules.create(project=project, user=project.created_by, wanted=schedules.NewSchedule(**fields))
