"""Whose run is compared when: one at a time, in turns among accounts, taken up where a worker was lost."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.exceptions import ApplicationError
from imageimport.models import ImportTask, Schedule, ScheduleRun
from imageimport.schedules import comparison, runner, turns
from imageimport.schedules import services as schedules
from projects.models import Project, Role
from testbed.scripted_http import Reply
from testbed.scripted_registry import ScriptedRegistry
from tests.imageimport.schedules.runs import Work, add, keep, run
from tests.support.factories import member

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_run_does_not_overlap_with_itself(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    add(source, "1.0", 1)
    schedule = keep(project, source, "1.0")
    run(schedule)
    with pytest.raises(ApplicationError) as refused:
        schedules.run_now(schedule=schedule, user=project.created_by)
    assert refused.value.code == "already_running"
    Schedule.objects.update(next_run_at=timezone.now())
    schedules.run_due()
    schedule.refresh_from_db()
    assert ScheduleRun.objects.count() == 1
    assert schedule.next_run_at is not None
    assert schedule.next_run_at > timezone.now(), "the clock goes on all the same"


def test_a_run_whose_worker_was_killed_is_taken_up_and_asks_for_nothing_twice(
    project: Project,
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    work: Work,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runner, "CHUNK", 1)
    for seed, tag in enumerate(["1.0", "1.1", "1.2"]):
        add(source, tag, seed)
    schedule = keep(project, source, "1.0", "1.1", "1.2")
    made = schedules.run_now(schedule=schedule, user=project.created_by)
    real = comparison.compare

    def killed(sides: Any, tag: str) -> Any:
        if tag == "1.1":
            raise KeyboardInterrupt
        return real(sides, tag)

    monkeypatch.setattr(runner, "compare", killed)
    with pytest.raises(KeyboardInterrupt):
        schedules.run_due()
    monkeypatch.setattr(runner, "compare", real)
    assert ImportTask.objects.count() == 1
    assert schedules.run_due() == 0, "the lease holds for a while"
    ScheduleRun.objects.update(lease_expires_at=timezone.now() - dt.timedelta(seconds=1))
    assert schedules.run_due() == 1
    work()
    made.refresh_from_db()
    schedule.refresh_from_db()
    assert sorted(ImportTask.objects.values_list("target_tag", flat=True)) == ["1.0", "1.1", "1.2"]
    assert (made.tries, made.checked, made.new) == (2, 3, 3)
    assert schedule.last_result == {"checked": 3, "imported": 3, "unchanged": 0, "failed": 0}


def test_workers_that_are_lost_again_and_again_end_the_run(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    schedule = keep(project, source, "1.0")
    made = schedules.run_now(schedule=schedule, user=project.created_by)
    ScheduleRun.objects.update(tries=runner.MAX_TRIES)
    schedules.run_due()
    made.refresh_from_db()
    assert (made.error_code, made.ended_at is not None) == ("worker_lost", True)


def test_a_late_worker_changes_nothing(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    add(source, "1.0", 1)
    schedule = keep(project, source, "1.0")
    schedules.run_now(schedule=schedule, user=project.created_by)
    late = runner.claim()
    assert late is not None
    ScheduleRun.objects.update(
        lease_owner="another", lease_expires_at=timezone.now() + dt.timedelta(seconds=60)
    )
    runner.work(late)
    made = ScheduleRun.objects.get()
    assert (made.checked_at, made.checked, made.lease_owner) == (None, 0, "another")
    assert not ImportTask.objects.exists()


def another(source: ScriptedRegistry, *tags: str) -> Schedule:
    """Of another project and account."""
    user, project = member(Role.MAINTAINER)
    project.created_by = user
    project.save()
    return keep(project, source, *(tags or ("1.0",)))


def test_only_so_many_runs_are_compared_at_once(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    for _ in range(turns.MAX_RUNS + 1):
        schedule = another(source)
        schedules.run_now(schedule=schedule, user=schedule.created_by)
    claimed = [runner.claim() for _ in range(turns.MAX_RUNS + 1)]
    assert [lease is not None for lease in claimed] == [True] * turns.MAX_RUNS + [False]


def test_one_account_has_one_run_at_a_time_in_whatever_projects(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    """The second place stays free beside it, for whoever else comes."""
    mine, others = [another(source) for _ in range(3)], another(source)
    Schedule.objects.exclude(pk=others.pk).update(created_by=mine[0].created_by)
    for schedule in mine:
        schedules.run_now(schedule=schedule, user=None)
    assert runner.claim() is not None
    assert runner.claim() is None
    theirs = schedules.run_now(schedule=others, user=None)
    lease = runner.claim()
    assert lease is not None
    assert lease.run_id == theirs.pk


def test_accounts_take_turns_however_many_runs_one_has(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    mine, others = [another(source) for _ in range(5)], another(source)
    Schedule.objects.exclude(pk=others.pk).update(created_by=mine[0].created_by)
    for schedule in (*mine, others):
        schedules.run_now(schedule=schedule, user=None)
    order = []
    for _ in range(2):
        lease = runner.claim()
        assert lease is not None
        run = ScheduleRun.objects.select_related("schedule").get(pk=lease.run_id)
        turns.note(run)
        order.append(run.schedule == others)
        lease.write(checked_at=timezone.now(), lease_owner="", lease_expires_at=None)
    assert sorted(order) == [False, True]  # Who begins is not said.


def test_a_run_whose_turn_is_over_goes_on_where_it_was_when_others_had_theirs(
    source: ScriptedRegistry, target: ScriptedRegistry, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "TURN_SECONDS", 0.0)
    tags = [f"1.{number}" for number in range(5)]
    for seed, tag in enumerate(tags):
        add(source, tag, seed)
    first, second, third = (another(source, "1.*") for _ in range(3))
    Schedule.objects.filter(pk=third.pk).update(created_by=first.created_by)
    runs = [schedules.run_now(schedule=each, user=None) for each in (first, third, second)]
    lease = runner.claim()
    assert lease is not None
    assert lease.run_id == runs[0].pk
    runner.work(lease)
    run = ScheduleRun.objects.get(pk=runs[0].pk)
    assert (run.position, run.checked, run.new, run.checked_at, run.tries) == (1, 1, 1, None, 0)
    following = [runner.claim(), runner.claim()]
    assert [each and each.run_id for each in following] == [runs[2].pk, runs[1].pk], "it is the last in line"
    monkeypatch.setattr(runner, "TURN_SECONDS", 30.0)
    for each in following:
        assert each is not None
        runner.work(each)
    source.requests.clear()
    schedules.run_due()
    assert len(source.seen("HEAD", "/manifests/")) == 4, "nothing is looked at twice"
    assert not source.seen("GET", "/tags/list")
    work()
    for made in runs:
        made.refresh_from_db()
        assert (made.checked, made.new, made.tries, made.todo) == (5, 5, 1, None)
        assert made.ended_at is not None
    first.refresh_from_db()
    assert first.last_result == {"checked": 5, "imported": 5, "unchanged": 0, "failed": 0}


def test_a_turn_goes_on_while_nobody_waits(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "TURN_SECONDS", 0.0)
    for seed in range(3):
        add(source, f"1.{seed}", seed)
    made = run(keep(project, source, "1.*"))
    assert (made.checked, made.tries) == (3, 1)


def test_a_slow_source_of_one_keeps_nobody_elses_run_waiting(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    """Side by side, in one call of the clock."""
    slow, quick = another(source, "1.0"), another(source, "2.0")
    add(source, "1.0", 1)
    add(source, "2.0", 2)
    done = threading.Event()

    def hold(_request: Any, proceed: Callable[[], Reply]) -> Reply:
        done.wait(20)
        return proceed()

    source.rule("HEAD", "/manifests/1.0", hold)
    for schedule in (slow, quick):
        schedules.run_now(schedule=schedule, user=None)

    def go() -> None:
        schedules.run_due()
        connection.close()

    thread = threading.Thread(target=go)
    thread.start()
    try:
        deadline = time.monotonic() + 15
        while not ScheduleRun.objects.filter(schedule=quick, checked_at__isnull=False).exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert not ScheduleRun.objects.filter(schedule=slow, checked_at__isnull=False).exists()
    finally:
        done.set()
        thread.join()


def test_a_source_that_lists_for_ever_is_given_up(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LISTING_SECONDS", -1.0)
    add(source, "1.0", 1)
    made = run(keep(project, source, "1.*"))
    assert (made.error_code, made.checked, made.ended_at is not None) == ("stalled", 0, True)
