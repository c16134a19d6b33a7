"""Schedules and whole runs of them, for tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from imageimport.models import ImportTask, Schedule, ScheduleRun
from imageimport.schedules import services as schedules
from projects.models import Project
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry

Work = Callable[[], list[ImportTask]]


def keep(project: Project, source: ScriptedRegistry, *tags: str, **values: Any) -> Schedule:
    fields = {"image_url": f"{source.server_name}/app/web", "tags": list(tags), "cron": "0 3 * * *", **values}
    return schedules.create(project=project, user=project.created_by, wanted=schedules.NewSchedule(**fields))


def run(schedule: Schedule, work: Work | None = None) -> ScheduleRun:
    """One whole run, with its imports where ``work`` is given."""
    made = schedules.run_now(schedule=schedule, user=schedule.project.created_by)
    schedules.run_due()
    if work is not None:
        work()
    made.refresh_from_db()
    schedule.refresh_from_db()
    return made


def counts(schedule: Schedule) -> dict[str, int]:
    assert schedule.last_result is not None
    return dict(schedule.last_result)


def add(source: ScriptedRegistry, tag: str, seed: int) -> str:
    return source.add_image("app/web", tag, random_image([500], seed=seed))


def results(made: ScheduleRun) -> dict[str, str]:
    return {item["tag"]: item["result"] for item in made.items}
