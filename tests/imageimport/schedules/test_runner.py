"""Runs of schedules against a scripted source and target."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache, caches
from django.utils import timezone

from imageimport.choices import Priority
from imageimport.models import ImportTask, ScheduleRun
from imageimport.schedules import comparison, runner
from imageimport.schedules import services as schedules
from projects.models import Image, Project
from testbed.images import random_image
from testbed.scripted_http import Reply
from testbed.scripted_registry import ScriptedRegistry
from tests.imageimport.schedules.runs import Work, add, keep, results, run
from tests.support.factories import TaskFactory

pytestmark = pytest.mark.django_db(transaction=True)


def test_new_tags_are_imported_and_the_run_ends_with_its_imports(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    digests = {tag: add(source, tag, seed) for seed, tag in enumerate(["1.0", "1.1"], start=1)}
    schedule = keep(project, source, "1.0", "1.1")
    made = run(schedule)
    assert (made.checked_at is not None, made.ended_at) == (True, None)
    assert schedule.last_run_at is None, "its imports are part of it"
    tasks = work()
    made.refresh_from_db()
    schedule.refresh_from_db()
    assert {task.priority for task in tasks} == {Priority.SCHEDULED}
    assert {task.schedule for task in tasks} == {schedule}
    assert {image.tag: image.digest for image in Image.objects.all()} == digests
    assert schedule.last_run_at == made.ended_at
    assert schedule.last_result == {"checked": 2, "imported": 2, "unchanged": 0, "failed": 0}
    assert (made.new, made.moved, made.unchanged, made.pulls) == (2, 0, 0, 0)
    assert {item["task"] for item in made.items} == {str(task.pk) for task in tasks}


def test_a_failed_import_counts_as_failed(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    add(source, "1.0", 1)
    source.rule("GET", "/blobs/", Reply(404))
    schedule = keep(project, source, "1.0")
    run(schedule, work)
    assert schedule.last_result == {"checked": 1, "imported": 0, "unchanged": 0, "failed": 1}


def test_a_source_that_is_away_ends_the_run_with_its_reason(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "RETRY_SECONDS", 0.0)
    schedule = keep(project, source, "1.0", "1.1")
    source.stop()
    made = run(schedule)
    assert (made.error_code, made.ended_at is not None) == ("unreachable", True)
    assert schedule.last_result == {"checked": 0, "imported": 0, "unchanged": 0, "failed": 1}
    assert not ImportTask.objects.exists()


def test_a_rate_limit_is_waited_for_and_the_run_goes_on(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    add(source, "1.0", 1)
    limited = Reply(429, [("Retry-After", "300")])
    source.rule("HEAD", "/manifests/", limited, times=1)
    schedule = keep(project, source, "1.0")
    made = run(schedule)
    assert (made.ended_at, made.error_code) == (None, "rate_limited")
    assert made.lease_expires_at is not None
    assert made.lease_expires_at > timezone.now() + dt.timedelta(seconds=200)
    assert schedules.run_due() == 0, "not before its time"
    ScheduleRun.objects.update(lease_expires_at=timezone.now())
    cache.clear()
    caches["local"].clear()
    schedules.run_due()
    work()
    made.refresh_from_db()
    assert (made.new, made.error_code, made.error, made.tries) == (1, "", "", 1)
    assert made.ended_at is not None


def test_a_registry_that_limits_requests_refuses_one_of_each_window(
    project: Project,
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    work: Work,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Five times as many tags as a window has requests; the registry's minute passes when the run waits for it."""
    window = {"left": 20}
    refused: list[int] = []

    def limit(_request: Any, proceed: Callable[[], Reply]) -> Reply:
        if not window["left"]:
            refused.append(1)
            return Reply(429, [("Retry-After", "60")])
        window["left"] -= 1
        return proceed()

    image = random_image([500], seed=1)
    digest = source.add_image("app/web", "t0", image)
    body = source.repository("app/web")
    body.manifests |= {f"t{number}": body.manifests[digest] for number in range(100)}
    held = target.add_image(f"{project.name}/app/web", "t0", image)
    there = target.repository(f"{project.name}/app/web")
    there.manifests |= {f"t{number}": there.manifests[held] for number in range(99)}
    source.rule("", "/", limit)
    schedule = keep(project, source, "t*")
    made = schedules.run_now(schedule=schedule, user=None)
    windows = 0
    while made.checked_at is None:
        windows += 1
        assert windows < 12
        window["left"] = 20
        cache.clear()
        caches["local"].clear()
        ScheduleRun.objects.update(lease_expires_at=timezone.now())
        schedules.run_due()
        made.refresh_from_db()
        assert len(refused) <= windows
    assert windows <= 8, "what was looked at once is not looked at again"
    source.rules.clear()
    cache.clear()
    caches["local"].clear()
    work()
    schedule.refresh_from_db()
    assert schedule.last_result == {"checked": 100, "imported": 1, "unchanged": 99, "failed": 0}


def test_a_defect_of_ours_ends_the_run_with_an_id_and_no_traceback(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(source, "1.0", 1)

    def broken(*_: Any) -> Any:
        raise RuntimeError("canary")

    monkeypatch.setattr(runner, "compare", broken)
    made = run(keep(project, source, "1.0"))
    assert made.error_code == "internal_error"
    assert "canary" not in made.error


def test_a_tag_that_another_import_writes_is_left_to_it(
    project: Project, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    add(source, "1.0", 1)
    TaskFactory(project=project, target_name="app/web", target_tag="1.0")
    schedule = keep(project, source, "1.0")
    made = run(schedule)
    assert results(made) == {"1.0": "busy"}
    assert schedule.last_result == {"checked": 1, "imported": 0, "unchanged": 0, "failed": 0}
