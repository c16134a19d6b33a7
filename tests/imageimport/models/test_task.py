"""The names of the querysets mean what they say, for every status."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from imageimport.choices import ACTIVE, OCCUPYING, RETRYABLE, TERMINAL, Status
from imageimport.models import ImportTask
from tests.support.factories import BatchFactory, TaskFactory, ended_task

pytestmark = pytest.mark.django_db


@pytest.fixture
def one_of_each() -> None:
    for status in Status:
        ended_task(status) if status in TERMINAL else TaskFactory(status=status)


@pytest.mark.usefixtures("one_of_each")
@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        ("waiting", {Status.PENDING}),
        ("running", {Status.RUNNING}),
        ("occupying", set(OCCUPYING)),
        ("active", set(ACTIVE)),
        ("succeeded", {Status.SUCCESS}),
        ("failed", {Status.FAILED}),
        ("retryable", set(RETRYABLE)),
    ],
)
def test_each_name_stands_for_its_statuses(name: str, statuses: set[Status]) -> None:
    found = getattr(ImportTask.objects, name)()

    assert {task.status for task in found} == statuses


def test_what_waits_for_a_stated_time_is_held_back_and_then_eligible() -> None:
    now = timezone.now()
    free, later = TaskFactory(), TaskFactory(not_before=now + dt.timedelta(minutes=1))

    assert list(ImportTask.objects.eligible(now)) == [free]
    assert list(ImportTask.objects.held_back(now)) == [later]
    assert set(ImportTask.objects.eligible(now + dt.timedelta(minutes=1))) == {free, later}


def test_what_a_retry_replaced_does_not_count_in_its_batch() -> None:
    batch = BatchFactory()
    ended_task(Status.FAILED, batch=batch, batch_index=0, replaced=True)
    counts = TaskFactory(batch=batch, batch_index=0)
    TaskFactory()

    assert list(ImportTask.objects.current_of(batch)) == [counts]
    assert list(ImportTask.objects.current_of(batch.pk)) == [counts]
