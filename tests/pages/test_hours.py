"""Hours on pages: an import that waits for them says why and until when, and a maintainer may let it run."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone

from imageimport.choices import Priority
from imageimport.models import ImportTask
from imageimport.worker import leases, windows
from projects.models import Project
from tests.pages.conftest import htmx
from tests.support.factories import BatchFactory, TaskFactory
from tests.support.people import Team

As = Callable[..., Client]
WHY = "data may only be transferred during certain hours"
NOW = "Run now"


@pytest.fixture
def opens() -> dt.datetime:
    """When the hours begin: not before an hour has passed."""
    return (timezone.now() + dt.timedelta(hours=2)).replace(minute=0, second=0, microsecond=0)


@pytest.fixture
def held(team: Team, opens: dt.datetime) -> ImportTask:
    """An import of a batch that waits for the hours of its project."""
    window = f"{opens:%H:%M}-{opens + dt.timedelta(hours=1):%H:%M} UTC"
    Project.objects.filter(pk=team.project.pk).update(window=window)
    task = TaskFactory(project=team.project, priority=Priority.BATCH)
    windows.hold_back(timezone.now())
    return task


def path(task: ImportTask) -> str:
    return f"/projects/team/imports/{task.pk}/"


@pytest.mark.parametrize("place", ["project", "import"])
def test_an_import_says_why_it_waits_and_until_when(
    as_: As, held: ImportTask, opens: dt.datetime, place: str
) -> None:
    url = path(held) if place == "import" else "/projects/team/"
    page = as_("viewer").get(url).content.decode()
    assert WHY in page
    assert f'Waiting until <time datetime="{opens.isoformat()}"' in page
    chinese = as_("viewer", language="zh-hans").get(url).content.decode()
    assert WHY not in chinese and "等待至 <time" in chinese


@pytest.mark.parametrize("place", ["imports", "batch"])
def test_lists_say_why_each_import_waits(as_: As, held: ImportTask, opens: dt.datetime, place: str) -> None:
    batch = BatchFactory(project=held.project)
    ImportTask.objects.filter(pk=held.pk).update(batch=batch)
    url = f"/projects/team/batches/{batch.pk}/" if place == "batch" else "/projects/team/imports/"
    page = as_("viewer").get(url).content.decode()
    assert f"Waiting until {opens:%Y-%m-%d %H:%M} UTC: {WHY}." in page
    assert WHY not in as_("viewer", language="zh-hans").get(url).content.decode()


@pytest.mark.parametrize("place", ["project", "import"])
@pytest.mark.parametrize(
    ("language", "never", "then", "until"),
    [
        ("en", "never overlap", "Starts once the hours are changed", "Waiting until"),
        ("zh-hans", "没有重叠", "修改时段后", "等待至"),
    ],
)
def test_hours_that_never_come_are_told_as_that_and_no_moment_is_named(
    as_: As, team: Team, settings: object, place: str, language: str, never: str, then: str, until: str
) -> None:
    settings.IMPORT_WINDOW = "01:00-02:00 UTC"  # type: ignore[attr-defined]
    Project.objects.filter(pk=team.project.pk).update(window="03:00-04:00 UTC")
    task = TaskFactory(project=team.project, priority=Priority.BATCH)
    windows.hold_back(timezone.now())
    url = path(task) if place == "import" else "/projects/team/"
    page = as_("viewer", language=language).get(url).content.decode()
    assert page.count(never) == 1
    assert then in page
    assert until not in page and "Resumes automatically" not in page and "将自动继续" not in page


@pytest.mark.parametrize("caller", ["viewer", "developer"])
def test_nobody_below_a_maintainer_may_let_it_run(as_: As, held: ImportTask, caller: str) -> None:
    client = as_(caller)
    assert NOW not in client.get(path(held)).content.decode()
    assert client.post(f"{path(held)}now/").status_code == 403
    assert leases.claim(worker="test:1") is None


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_a_maintainer_lets_it_run_and_the_journal_says_who(
    as_: As, team: Team, held: ImportTask, scripts: bool
) -> None:
    client = as_("maintainer")
    assert NOW in client.get(path(held)).content.decode()
    if scripts:
        page = htmx(client, "post", f"{path(held)}now/", hx_target="import-live").content.decode()
    else:
        page = client.post(f"{path(held)}now/", follow=True).content.decode()
    assert NOW not in page and WHY not in page
    assert "Waiting to start" in page
    journal = client.get("/projects/team/settings/journal/").content.decode()
    assert "let an import run outside its hours" in journal
    assert str(team.users["maintainer"]) in journal
    lease = leases.claim(worker="test:1")
    assert lease is not None and lease.task == held
