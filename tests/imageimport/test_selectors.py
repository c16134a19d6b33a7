"""What the project page shows on top: which imports, and how many of each kind."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from imageimport.choices import Status
from imageimport.models.task import SECRETS
from imageimport.selectors import SHOWN_AFTER_FAILURE, SHOWN_AFTER_SUCCESS, shown_on_project_page
from tests.support.factories import ProjectFactory, TaskFactory, ended_task

pytestmark = pytest.mark.django_db


def test_what_runs_waits_failed_or_has_just_arrived_is_shown_and_nothing_else() -> None:
    project = ProjectFactory()
    now = timezone.now()
    long_ago = now - dt.timedelta(seconds=SHOWN_AFTER_SUCCESS + 1)
    shown = [
        TaskFactory(project=project, status=Status.RUNNING),
        TaskFactory(project=project, status=Status.CANCELING),
        TaskFactory(project=project, status=Status.PENDING),
        ended_task(Status.FAILED, project=project),
        TaskFactory(status=Status.SUCCESS, project=project, completed_at=now),
    ]
    ended_task(Status.FAILED, project=project, dismissed_at=now)
    yesterday = now - dt.timedelta(seconds=SHOWN_AFTER_FAILURE + 1)
    TaskFactory(status=Status.FAILED, project=project, completed_at=yesterday)
    TaskFactory(status=Status.SUCCESS, project=project, completed_at=long_ago)
    TaskFactory(status=Status.SUCCESS, project=project, completed_at=now, dismissed_at=now)
    TaskFactory(status=Status.CANCELED, project=project, completed_at=now)
    TaskFactory(status=Status.RUNNING)
    found = shown_on_project_page(project, 10)
    assert {task.pk for task in found} == {task.pk for task in shown}
    assert all(task.get_deferred_fields() == set(SECRETS) for task in found)


def test_of_each_kind_the_newest_are_shown_up_to_a_number() -> None:
    project = ProjectFactory()
    now = timezone.now()
    newest: set[object] = set()
    for status, moment in ((Status.PENDING, "created_at"), (Status.FAILED, "completed_at")):
        made = [
            TaskFactory(project=project, status=status, **{moment: now - dt.timedelta(hours=age)})
            for age in range(4)
        ]
        newest |= {task.pk for task in made[:3]}
    arrived = [
        TaskFactory(status=Status.SUCCESS, project=project, completed_at=now - dt.timedelta(seconds=age))
        for age in range(4)
    ]
    newest |= {task.pk for task in arrived[:3]}
    assert {task.pk for task in shown_on_project_page(project, 3)} == newest
