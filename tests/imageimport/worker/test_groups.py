"""A run ends with its imports: counts, news, and what a retry puts right later."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from imageimport.choices import Status
from imageimport.models import ImportTask, Schedule, ScheduleRun, WebhookDelivery
from imageimport.submission import services
from imageimport.webhooks.formats import message_of
from imageimport.worker import groups
from projects.models import Project
from testbed.scripted_http import Reply
from testbed.scripted_registry import ScriptedRegistry
from tests.imageimport.schedules.conftest import project
from tests.imageimport.schedules.runs import Work, add, counts, keep, run

__all__ = ["project"]
pytestmark = pytest.mark.django_db(transaction=True)


# --- retries ------------------------------------------------------------------------------------------


def retried(schedule: Schedule, task: ImportTask) -> ImportTask:
    return services.retry(task=task, user=schedule.created_by)


def test_what_a_retry_put_right_is_right_in_the_run_the_schedule_and_the_news(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    project.webhooks.create(url="https://hooks.example.com/", events=["schedule.completed"])
    add(source, "1.0", 1)
    source.rule("GET", "/blobs/", Reply(404))
    schedule = keep(project, source, "1.0", "9.9")
    made = run(schedule, work)
    assert counts(schedule) == {"checked": 2, "imported": 0, "unchanged": 0, "failed": 2}
    source.rules.clear()
    ended = made.ended_at
    failed = ImportTask.objects.get()
    new = retried(schedule, failed)
    assert new.schedule_run == made
    assert not groups.settle_run(made.pk), "not while it goes on"
    work()
    made.refresh_from_db()
    schedule.refresh_from_db()
    assert (made.failed, made.ended_at, schedule.last_run_at) == (1, ended, ended), "9.9 is not there"
    assert counts(schedule) == {"checked": 2, "imported": 1, "unchanged": 0, "failed": 1}
    told = [each.payload["run"]["result"] for each in WebhookDelivery.objects.order_by("created_at")]
    assert told == [
        {"checked": 2, "imported": 0, "unchanged": 0, "failed": 2},
        {"checked": 2, "imported": 1, "unchanged": 0, "failed": 1},
    ]


def test_a_retry_that_fails_again_changes_no_count_and_tells_nothing_twice(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    project.webhooks.create(url="https://hooks.example.com/", events=["schedule.completed"])
    add(source, "1.0", 1)
    source.rule("GET", "/blobs/", Reply(404))
    schedule = keep(project, source, "1.0")
    run(schedule, work)
    retried(schedule, ImportTask.objects.get())
    work()
    schedule.refresh_from_db()
    assert counts(schedule) == {"checked": 1, "imported": 0, "unchanged": 0, "failed": 1}
    assert WebhookDelivery.objects.count() == 1


def test_a_retry_while_the_run_goes_on_is_what_the_run_waits_for(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    for seed, tag in enumerate(["1.0", "1.1"]):
        add(source, tag, seed)
    schedule = keep(project, source, "1.0", "1.1")
    made = run(schedule)
    first = ImportTask.objects.get(target_tag="1.0")
    services.cancel(task=first)
    first.refresh_from_db()
    retried(schedule, first)
    work()
    made.refresh_from_db()
    schedule.refresh_from_db()
    assert counts(schedule) == {"checked": 2, "imported": 2, "unchanged": 0, "failed": 0}


def test_a_run_that_a_release_before_ended_is_put_right_too(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    add(source, "1.0", 1)
    source.rule("GET", "/blobs/", Reply(404))
    schedule = keep(project, source, "1.0", "9.9")
    made = run(schedule, work)
    ScheduleRun.objects.update(tags_failed=None)
    source.rules.clear()
    retried(schedule, ImportTask.objects.get())
    work()
    made.refresh_from_db()
    assert (made.failed, made.tags_failed) == (1, 1)


def test_a_later_run_keeps_its_own_numbers(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    add(source, "1.0", 1)
    source.rule("GET", "/blobs/", Reply(404))
    schedule = keep(project, source, "1.0")
    first = run(schedule, work)
    old = ImportTask.objects.get()
    source.rules.clear()
    run(schedule, work)
    retried(schedule, old)
    work()
    first.refresh_from_db()
    schedule.refresh_from_db()
    assert first.failed == 0
    assert counts(schedule) == {"checked": 1, "imported": 1, "unchanged": 0, "failed": 0}
    assert schedule.last_run_at != first.ended_at


def test_an_import_whose_end_nobody_told_does_not_keep_the_run_open(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    add(source, "1.0", 1)
    made = run(keep(project, source, "1.0"))
    ImportTask.objects.update(status=Status.FAILED)
    ScheduleRun.objects.update(checked_at=timezone.now() - dt.timedelta(minutes=5))
    assert groups.settle_stragglers() == 1
    made.refresh_from_db()
    assert made.ended_at is not None


def test_the_end_is_told_once_with_its_counts(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    project.webhooks.create(url="https://hooks.example.com/", events=["schedule.completed"])
    add(source, "1.0", 1)
    run(keep(project, source, "1.0"), work)
    payload = WebhookDelivery.objects.get().payload
    assert payload["run"]["result"] == {"checked": 1, "imported": 1, "unchanged": 0, "failed": 0}
    assert payload["schedule"]["image_url"].endswith("/app/web")


# --- news for those who want to hear of failures only ---------------------------------------------------
def ended(schedule: Schedule, minutes: int, *, failed: int) -> ScheduleRun:
    """A run that began so long after the others, settled; with so many tags that failed."""
    began = timezone.now() + dt.timedelta(minutes=minutes)
    made = ScheduleRun.objects.create(
        schedule=schedule, started_at=began, checked_at=began, failed=failed, tags_failed=failed
    )
    assert groups.settle_run(made.pk)
    return made


def test_a_schedule_that_fails_is_told_once_and_once_more_when_it_works_again(project: Project) -> None:
    project.webhooks.create(
        url="https://hooks.example.com/", events=["schedule.completed"], failures_only=True
    )
    schedule = Schedule.objects.create(project=project, image_url="redis", cron="0 3 * * *")
    told = []
    for minutes, failed in enumerate([0, 2, 1, 3, 0, 0, 1]):
        ended(schedule, minutes, failed=failed)
        told.append([message_of(each.payload).title for each in WebhookDelivery.objects.all()])
        WebhookDelivery.objects.all().delete()
    fails, works = "Scheduled sync failed: redis", "Scheduled sync works again: redis"
    assert told == [[], [fails], [], [], [works], [], [fails]]


def test_an_old_run_that_is_put_right_does_not_say_that_the_schedule_works(project: Project) -> None:
    project.webhooks.create(
        url="https://hooks.example.com/", events=["schedule.completed"], failures_only=True
    )
    schedule = Schedule.objects.create(project=project, image_url="redis", cron="0 3 * * *")
    first, _second = ended(schedule, 0, failed=1), ended(schedule, 1, failed=1)
    ScheduleRun.objects.filter(pk=first.pk).update(tags_failed=0)
    assert groups.settle_run(first.pk), "its numbers are put right"
    assert WebhookDelivery.objects.count() == 1


@pytest.mark.parametrize(
    ("events", "told"),
    [
        (["import.failed", "schedule.completed"], [["schedule.completed"], [], ["schedule.completed"]]),
        (["import.failed"], [["import.failed"], ["import.failed"], []]),
    ],
)
def test_imports_that_fail_each_night_are_told_once_to_those_who_hear_of_their_runs(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work,
    events: list[str], told: list[list[str]],
) -> None:  # fmt: skip
    """Where the run's end isn't asked for, each import is told: no failure stays untold."""
    project.webhooks.create(url="https://hooks.example.com/", events=events, failures_only=True)
    add(source, "1.0", 1)
    source.rule("GET", "/blobs/", Reply(404))
    schedule = keep(project, source, "1.0")
    for night, expected in enumerate(told):
        if night == 2:
            source.rules.clear()
        run(schedule, work)
        found = WebhookDelivery.objects.values_list("event", flat=True)
        assert list(found) == expected, night
        WebhookDelivery.objects.all().delete()


def test_who_wants_everything_hears_of_the_import_and_of_the_run(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    events = ["import.failed", "schedule.completed"]
    project.webhooks.create(url="https://hooks.example.com/", events=events)
    add(source, "1.0", 1)
    source.rule("GET", "/blobs/", Reply(404))
    schedule = keep(project, source, "1.0")
    for _night in range(2):
        run(schedule, work)
    assert sorted(WebhookDelivery.objects.values_list("event", flat=True)) == sorted(events * 2)
