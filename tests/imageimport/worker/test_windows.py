"""Hours in which imports may move bytes: who waits, until when, and what a closing window does."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from imageimport.choices import Priority, Status
from imageimport.models import ImportAttempt, ImportLayer, ImportTask
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest
from imageimport.worker import attempt, kept_uploads, leases, monitor, windows
from oci.registry.uploads import KeptUpload
from projects.models import AuditEvent, Project
from testbed.images import random_image
from testbed.scripted_http import Reply, Request
from testbed.scripted_registry import ScriptedRegistry
from tests.support.factories import ProjectFactory, TaskFactory
from tests.support.people import Team, call

DAY = dt.datetime(2026, 3, 1, 10, 0, tzinfo=dt.UTC)
NIGHT = dt.datetime(2026, 3, 1, 15, 0, tzinfo=dt.UTC)
WINDOW = "22:00-06:00 Asia/Shanghai"  # from 14:00 UTC


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[dt.datetime], None]:
    """Sets the time of claims."""

    def set_to(now: dt.datetime) -> None:
        monkeypatch.setattr(timezone, "now", lambda: now)

    return set_to


def waiting(project: Project, priority: Priority = Priority.BATCH, **more: Any) -> ImportTask:
    return TaskFactory(project=project, priority=priority, created_at=DAY, **more)


def claimed() -> ImportTask | None:
    lease = leases.claim(worker="test:1")
    return lease.task if lease else None


@pytest.mark.django_db
@pytest.mark.parametrize("of", ["installation", "project"])
@pytest.mark.parametrize("priority", [Priority.BATCH, Priority.SCHEDULED])
def test_what_is_not_interactive_waits_for_its_hours_and_says_so(
    clock: Callable[[dt.datetime], None], settings: Any, of: str, priority: Priority
) -> None:
    project = ProjectFactory(window=WINDOW if of == "project" else "")
    settings.IMPORT_WINDOW = WINDOW if of == "installation" else ""
    task = waiting(project, priority)
    clock(DAY)
    assert claimed() is None
    task.refresh_from_db()
    assert (task.status, task.not_before, task.attempts) == ("pending", DAY.replace(hour=14), 0)
    assert task.message == (
        "Waiting until 2026-03-01 14:00 UTC: data may only be transferred during certain hours."
    )
    clock(DAY.replace(hour=14))
    assert claimed() == task


@pytest.mark.django_db
def test_interactive_imports_obey_no_hours(clock: Callable[[dt.datetime], None], settings: Any) -> None:
    settings.IMPORT_WINDOW = WINDOW
    task = waiting(ProjectFactory(window=WINDOW), Priority.INTERACTIVE)
    clock(DAY)
    assert claimed() == task


@pytest.mark.django_db
def test_both_windows_must_be_open(clock: Callable[[dt.datetime], None], settings: Any) -> None:
    settings.IMPORT_WINDOW = WINDOW
    task = waiting(ProjectFactory(window="16:00-17:00 UTC"))
    clock(NIGHT)
    assert claimed() is None
    task.refresh_from_db()
    assert task.not_before == NIGHT.replace(hour=16)
    clock(NIGHT.replace(hour=16))
    assert claimed() == task


@pytest.mark.django_db
def test_hours_that_never_meet_are_told(clock: Callable[[dt.datetime], None], settings: Any) -> None:
    settings.IMPORT_WINDOW = WINDOW
    task = waiting(ProjectFactory(window="08:00-09:00 UTC"))
    clock(DAY)
    assert claimed() is None
    task.refresh_from_db()
    assert "never overlap" in task.message
    assert task.not_before is not None
    # The next look finds it written already.
    clock(DAY + dt.timedelta(seconds=1))
    windows.hold_back(DAY + dt.timedelta(seconds=1))
    assert ImportTask.objects.get(pk=task.pk).updated_at == task.updated_at


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("window", "closed", "opens"),
    [
        # The night that has no 02:30 in Berlin: 01:59 is followed by 03:00.
        ("02:30-05:00 Europe/Berlin", "2026-03-29T00:59:00Z", "2026-03-29T01:00:00Z"),
        # The night that has 02:00 to 03:00 twice.
        ("02:00-02:30 Europe/Berlin", "2026-10-25T00:45:00Z", "2026-10-25T01:00:00Z"),
        ("03:00-04:00 Europe/Berlin", "2026-10-25T01:59:00Z", "2026-10-25T02:00:00Z"),
    ],
)
def test_what_waits_over_a_change_of_summer_time_starts_by_the_clock_on_the_wall(
    clock: Callable[[dt.datetime], None], window: str, closed: str, opens: str
) -> None:
    task = waiting(ProjectFactory(window=window))
    at = dt.datetime.fromisoformat(opens)
    clock(dt.datetime.fromisoformat(closed))
    assert claimed() is None
    task.refresh_from_db()
    assert (task.not_before, task.attempts) == (at, 0)
    clock(at - dt.timedelta(seconds=1))
    assert claimed() is None
    clock(at)
    assert claimed() == task


@pytest.mark.django_db
def test_another_projects_hours_hold_nobody(clock: Callable[[dt.datetime], None]) -> None:
    held, free = waiting(ProjectFactory(window=WINDOW)), waiting(ProjectFactory())
    clock(DAY)
    assert claimed() == free
    assert claimed() is None
    held.refresh_from_db()
    assert held.waits_for_window


@pytest.mark.django_db
@pytest.mark.parametrize("window", ["", "09:00-11:00 UTC"])
def test_changed_hours_let_go_what_waited(clock: Callable[[dt.datetime], None], window: str) -> None:
    project = ProjectFactory(window=WINDOW)
    task = waiting(project)
    clock(DAY)
    assert claimed() is None
    Project.objects.filter(pk=project.pk).update(window=window)
    assert claimed() == task


def asked_at(now: dt.datetime) -> list[str]:
    """What a look asks the database, by the first word."""
    with CaptureQueriesContext(connection) as asked:
        windows.hold_back(now)
    return [each["sql"].partition(" ")[0] for each in asked.captured_queries]


@pytest.mark.django_db
def test_a_look_costs_the_same_however_many_projects_have_hours() -> None:
    held = [
        waiting(ProjectFactory(window=window))
        for window in ("14:00-15:00 UTC", "14:00-16:00 UTC", WINDOW, WINDOW, "17:00-18:00 UTC")
    ]
    for hour in range(11, 21):
        ProjectFactory(window=f"{hour}:00-22:00 UTC")  # nothing waits there
    assert asked_at(DAY).count("UPDATE") == 2
    for task, hour in zip(held, (14, 14, 14, 14, 17), strict=True):
        task.refresh_from_db()
        assert (task.not_before, task.waits_for_window) == (DAY.replace(hour=hour), True)
    again = asked_at(DAY + dt.timedelta(seconds=1))
    assert (again.count("UPDATE"), len(again) <= 2) == (0, True)
    assert asked_at(DAY.replace(hour=14)).count("UPDATE") == 1
    assert list(ImportTask.objects.filter(waits_for_window=True)) == [held[-1]]


@pytest.mark.django_db
def test_a_later_moment_of_another_wait_stays(clock: Callable[[dt.datetime], None]) -> None:
    later = DAY + dt.timedelta(days=1)
    task = waiting(ProjectFactory(window=WINDOW), not_before=later, message="limited")
    clock(DAY)
    assert claimed() is None
    task.refresh_from_db()
    assert (task.not_before, task.message) == (later, "limited")


@pytest.mark.django_db
def test_a_maintainer_lets_one_run_outside_of_its_hours_and_the_journal_says_who(
    clock: Callable[[dt.datetime], None],
) -> None:
    team = Team.make()
    Project.objects.filter(pk=team.project.pk).update(window=WINDOW)
    task = waiting(team.project)
    path = f"/projects/{team.project.pk}/images/import/{task.pk}/now"
    headers = {role: team.bearer(role) for role in ("developer", "maintainer")}
    clock(DAY)
    assert claimed() is None
    assert call("POST", path, None, headers["developer"]).status_code == 403
    answer = call("POST", path, None, headers["maintainer"])
    assert answer.status_code == 202
    assert answer.json()["not_before"] is None
    event = AuditEvent.objects.get(action="import.now")
    assert event.actor == team.users["maintainer"]
    assert claimed() == task
    ImportTask.objects.filter(pk=task.pk).update(
        status=Status.CANCELED, completed_at=DAY, lease_owner="", lease_expires_at=None
    )
    refused = call("POST", path, None, headers["maintainer"])
    assert (refused.status_code, refused.json()["code"]) == (409, "not_waiting")


@pytest.mark.django_db(transaction=True)
def test_a_window_that_closes_inside_a_layer_stops_it_and_burns_no_attempt(
    source: ScriptedRegistry, target: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = random_image([2_999_808], seed=71)
    digest = source.add_image("ns/app", "1", image)
    layer = image.blobs[1]
    half, go_on = threading.Event(), threading.Event()

    def slow(_request: Request, proceed: Callable[[], Reply]) -> Reply:
        reply = proceed()
        if not half.is_set():
            half.set()
            reply.stall_at = 1_500_000
        return reply

    source.rule("GET", f"/blobs/{layer.digest}", slow)
    project = ProjectFactory()
    task = services.submit(
        project=project,
        user=None,
        request=ImportRequest(image_url=f"{source.server_name}/ns/app:1"),
    )
    ImportTask.objects.update(priority=Priority.BATCH)
    opening = windows.opening
    later = timezone.now() + dt.timedelta(hours=1)
    monkeypatch.setattr(monitor, "LOOK_AT_PROJECT", 0.1)
    monkeypatch.setattr(
        windows,
        "opening",
        lambda text, now: opening(text, now) if go_on.is_set() or not half.is_set() else later,
    )
    lease = leases.claim(worker="test:1")
    assert lease is not None
    attempt.run(lease)  # ends by itself, since the source stands still and the window closes
    task.refresh_from_db()
    assert (task.status, task.attempts, task.not_before) == ("pending", 0, later)
    assert task.waits_for_window
    assert task.waiting_since is None
    assert ImportAttempt.objects.get().outcome == "waiting"
    assert "1" not in target.repository(f"{project.name}/ns/app").manifests
    go_on.set()
    lease = leases.claim(worker="test:1")
    assert lease is not None
    attempt.run(lease)
    task.refresh_from_db()
    assert (task.status, task.attempts, task.digest) == ("success", 1, digest)


@pytest.mark.django_db
def test_uploads_are_kept_with_their_layers_and_taken_once() -> None:
    task = TaskFactory(fence=1)
    ImportLayer.objects.create(task=task, position=0, digest="sha256:a")
    ImportLayer.objects.create(task=task, position=1, digest="sha256:b")
    left = {"sha256:b": KeptUpload("http://127.0.0.1:5000/v2/a/blobs/uploads/1?_state=x", True, 5)}
    kept_uploads.save(task.pk, left)
    assert kept_uploads.take(task) == left
    assert kept_uploads.take(task) == {}
