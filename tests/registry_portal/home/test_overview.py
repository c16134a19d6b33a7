"""The overview: what runs and what failed in one's projects, what waits for one, what is stored."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from imageimport.choices import Status
from imageimport.models import ApprovalRequest, ImportTask, Schedule
from projects.models import Project, UsageDay
from projects.registry import health
from registry_portal.home import overview
from tests.support.factories import TaskFactory, ended_task
from tests.support.people import Team

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _registry_is_there(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    caches["local"].clear()
    monkeypatch.setattr(health, "_knock", lambda _url: True)
    yield
    caches["local"].clear()


@pytest.fixture
def team(db: None) -> Team:
    return Team.make("team")


@pytest.fixture
def other(db: None) -> Team:
    return Team.make("other", visibility="public")


def page(team: Team, caller: str, path: str = "/", language: str = "en") -> str:
    client = Client(headers={"accept-language": language})
    client.force_login(team.users[caller])
    answer = client.get(path)
    assert answer.status_code == 200
    return unescape(re.sub(r"\s+", " ", answer.content.decode()))


def failed(project: Project, **values: Any) -> ImportTask:
    shown = {
        "error_code": "not_found",
        "error": "Image not found.",
        "error_parts": {"template": "Image not found.", "params": {}},
    }
    return ended_task(Status.FAILED, project=project, **{**shown, **values})


def test_a_member_sees_what_runs_and_failed_in_their_projects_and_no_others(team: Team, other: Team) -> None:
    mine = TaskFactory(project=team.project, status=Status.RUNNING, stage="pull", target_name="mine")
    theirs = TaskFactory(project=other.project, status=Status.RUNNING, stage="pull", target_name="theirs")
    broken, foreign = failed(team.project), failed(other.project)
    found = page(team, "viewer")
    assert f"/imports/{mine.pk}/" in found and f"/imports/{broken.pk}/" in found
    assert str(theirs.pk) not in found and str(foreign.pk) not in found
    everything = page(team, "superuser")
    assert all(str(task.pk) in everything for task in (mine, theirs, broken, foreign))


def test_what_happens_elsewhere_is_not_counted_and_takes_no_row(team: Team, other: Team) -> None:
    """Rows of others are left out late, too: by then they must not be counted, nor stand in place of one's own."""
    user = team.users["viewer"]
    TaskFactory(project=other.project, target_name="waits")
    mine = failed(team.project)
    for number in range(overview.MAX_ROWS + 1):
        failed(other.project, target_name=f"newer-{number}")
    assert overview.now_of(user).waiting == 0
    found = overview.failed_of(user)
    assert ([row.pk for row in found.rows], found.more) == ([mine.pk], False)


def test_a_failure_says_why_and_has_the_buttons_that_help(team: Team) -> None:
    task = failed(team.project)
    found = page(team, "developer")
    assert "Image not found." in found and "Check the name and the tag." in found
    base = f"/projects/team/import/?again={task.pk}"
    assert f'href="{base}"' in found and f'href="{base}&focus=tag"' in found
    assert f'action="/projects/team/imports/{task.pk}/retry/"' in found
    reader = page(team, "viewer")
    assert "Image not found." in reader and "again=" not in reader and "/retry/" not in reader


def test_a_dismissed_failure_and_an_old_one_are_not_there(team: Team) -> None:
    task = failed(team.project)
    long_ago = timezone.now() - dt.timedelta(days=overview.FAILED_DAYS + 1)
    failed(team.project, created_at=long_ago, target_name="old")
    client = Client()
    client.force_login(team.users["developer"])
    answer = client.post(f"/projects/team/imports/{task.pk}/dismiss/", {"back": "home"})
    assert answer.headers["Location"] == "/"
    assert "Failed in the last" not in page(team, "developer")


def test_requests_wait_for_those_who_may_decide_them(team: Team) -> None:
    task = TaskFactory(
        project=team.project, status=Status.REQUESTED, requested_by=team.users["maintainer"], target_name="wanted"
    )  # fmt: skip
    ApprovalRequest.objects.create(task=task, expires_at=timezone.now() + dt.timedelta(days=1))
    assert "Waiting for your decision" in page(team, "maintainer")
    assert "Waiting for your decision" not in page(team, "developer")
    Project.objects.filter(pk=team.project.pk).update(four_eyes=True)
    assert "Waiting for your decision" not in page(team, "maintainer"), "one's own, where it takes two"
    assert f"/imports/{task.pk}/" in page(team, "owner")


def test_storage_is_that_of_ones_own_projects_and_grows(team: Team, other: Team) -> None:
    team.image(size=3000)
    other.image(size=50_000)
    for days, held in ((10, 1000), (5, 2000)):
        day = timezone.now().date() - dt.timedelta(days=days)
        UsageDay.objects.create(project=team.project, day=day, images=1, bytes=held)
        UsageDay.objects.create(project=other.project, day=day, images=1, bytes=held)
    held_now = overview.held_by(team.users["viewer"])
    assert (held_now.images, held_now.bytes, held_now.grown, held_now.span) == (1, 3000, 2000, 10)
    assert [day.bytes for day in held_now.days] == [1000, 2000, 3000]
    assert [row.project.name for row in held_now.largest] == ["team"]
    assert overview.held_by(team.users["superuser"]).bytes == 53_000
    assert "in 10 days" in page(team, "viewer")


def test_sums_are_larger_than_a_number_of_the_database(team: Team, other: Team) -> None:
    """A registry names the sizes, each up to 2**63 - 1; what a project holds is counted up to 2**62."""
    most, today = 2**63 - 1, timezone.now().date()
    for each in (team, other):
        each.image(size=most)
        UsageDay.objects.create(project=each.project, day=today - dt.timedelta(days=1), images=1, bytes=most)
    held = overview.held_by(team.users["superuser"])
    assert held.bytes == 2**63 and [day.bytes for day in held.days] == [2**64, 2**63]
    assert "in 1 day" in page(team, "superuser")


def test_the_poll_ends_when_nothing_moves(team: Team) -> None:
    assert 'hx-trigger="every 2s"' not in page(team, "viewer")
    task = TaskFactory(project=team.project, status=Status.PENDING)
    found = page(team, "viewer", "/running/")
    assert 'hx-get="/running/" hx-trigger="every 2s"' in found and "1 import is waiting" in found
    ImportTask.objects.filter(pk=task.pk).update(status=Status.CANCELED)
    assert 'hx-trigger="every 2s"' not in page(team, "viewer", "/running/")


def test_an_import_begins_at_the_overview_with_what_was_typed(team: Team, other: Team) -> None:
    found = page(team, "developer")
    assert "<option>team</option>" in found and "<option>other</option>" not in found
    assert "<option>" not in page(team, "viewer"), "who can't import is not asked where to"
    client = Client()
    client.force_login(team.users["developer"])
    answer = client.post("/import/", {"project": "team", "image_url": "nginx:1.27"})
    text = answer.content.decode()
    assert answer.status_code == 200
    assert 'value="nginx:1.27"' in text and 'action="/projects/team/import/"' in text
    assert not ImportTask.objects.exists()
    assert client.get("/import/").headers["Location"] == "/"
    assert client.post("/import/", {"project": "other", "image_url": "nginx"}).status_code == 403
    assert client.post("/import/", {"project": "nowhere", "image_url": "nginx"}).status_code == 404


def test_a_newcomer_sees_projects_that_they_may_read(team: Team, other: Team) -> None:
    found = page(team, "stranger")
    assert "/projects/other/" in found and "/projects/team/" not in found


def test_the_overview_is_in_chinese_too(team: Team) -> None:
    failed(team.project)
    found = page(team, "developer", language="zh-hans")
    assert "概览" in found and "最近 7 天失败的导入" in found and "Overview" not in found


def test_the_next_syncs_of_ones_projects_are_named_the_first_one_first(team: Team, other: Team) -> None:
    def sync(of: Team, image: str, hours: int | None, **values: Any) -> None:
        at = None if hours is None else timezone.now() + dt.timedelta(hours=hours)
        Schedule.objects.create(
            project=of.project, image_url=image, cron="0 3 * * *", next_run_at=at, **values
        )

    sync(team, "later-image", 9)
    sync(team, "sooner-image", 1)
    sync(team, "paused-image", 2, enabled=False)
    sync(other, "foreign-image", 3)
    found = page(team, "viewer")
    assert found.index("sooner-image") < found.index("later-image")
    assert "paused-image" not in found and "foreign-image" not in found
    assert "Next syncs" in found
    assert "Next syncs" not in page(Team.make("third"), "viewer")


@pytest.mark.parametrize("superuser", [True, False])
def test_what_runs_is_found_by_its_status_however_many_imports_there_are(team: Team, superuser: bool) -> None:
    """SQLite plans as for a million rows; walking through them took half a second at each poll."""
    user = team.users["owner"]
    user.is_superuser = superuser
    with CaptureQueriesContext(connection) as asked:
        overview.now_of(user)
    (query,) = [each["sql"] for each in asked.captured_queries if "'running'" in each["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {query}")
        steps = [row[3] for row in cursor.fetchall() if "image_import_tasks" in row[3]]
    assert all("status=?" in step for step in steps), steps
