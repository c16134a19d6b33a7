"""A number that is seen is a true number: one percent for an import, wherever one looks, and bytes as bytes."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
from django.test import Client

from imageimport.choices import STAGE_PROGRESS, Stage, Status, percent
from imageimport.management.terminal import Bar, display_for
from imageimport.models import ImportLayer, ImportTask
from tests.support.factories import BatchFactory, TaskFactory
from tests.support.people import Team

pytestmark = pytest.mark.django_db

As = Callable[..., Client]
MIB = 1024 * 1024
PERCENT = re.compile(r"(\d+)\s*%")


@pytest.fixture
def task(team: Team) -> ImportTask:
    """An import of one layer, of which 7 % have come."""
    found = TaskFactory(
        project=team.project,
        batch=BatchFactory(project=team.project),
        status=Status.RUNNING,
        stage=Stage.PULL,
        progress=32,
        bytes_total=100 * MIB,
        bytes_done=7 * MIB,
        message="Pulling the image",
    )
    layer = {"position": 0, "digest": "sha256:" + "a" * 64, "size": 100 * MIB, "bytes_done": 7 * MIB}
    ImportLayer.objects.create(task=found, state="copying", **layer)
    return found


def test_every_page_shows_the_one_percent_and_bytes_as_bytes(as_: As, team: Team, task: ImportTask) -> None:
    pages = [
        f"/projects/team/imports/{task.pk}/",
        "/projects/team/imports/live/",
        f"/projects/team/batches/{task.batch_id}/",
        "/projects/team/batches/",
    ]
    for path in pages:
        page = as_("viewer").get(path).content.decode()
        assert set(PERCENT.findall(page)) == {"32"}, path
        assert path == pages[-1] or "7.0 MiB of 100 MiB" in page, path


def test_the_api_says_the_same(as_: As, team: Team, task: ImportTask) -> None:
    path = f"/api/v1/projects/{team.project.pk}/images/import"
    client = as_("viewer")
    assert client.get(f"{path}/{task.pk}").json()["progress"] == 32
    assert client.get(path).json()["results"][0]["progress"] == 32
    assert client.get(f"{path}/batches/{task.batch_id}").json()["progress"] == 32


def test_the_terminal_says_the_same(task: ImportTask) -> None:
    stream = io.StringIO()
    with display_for(stream) as display:
        display.show(task)
    assert PERCENT.findall(stream.getvalue()) == ["32"]
    assert "7.0 MiB of 100 MiB" in stream.getvalue()


def test_the_terminals_bar_says_the_same(task: ImportTask) -> None:
    stream = io.StringIO()
    with Bar(stream) as display:
        display.show(task)
    assert set(PERCENT.findall(stream.getvalue())) <= {"0", "32"}
    assert "32" in PERCENT.findall(stream.getvalue())


def test_when_all_bytes_are_here_no_two_equal_numbers_stand_beside_a_smaller_percent(
    as_: As, task: ImportTask
) -> None:
    task.bytes_done, task.progress = task.bytes_total - 3, 59
    task.save()
    page = as_("viewer").get("/projects/team/imports/live/").content.decode()
    assert "100 MiB of 100 MiB" not in page
    assert set(PERCENT.findall(page)) == {"59"}


@pytest.mark.parametrize(
    ("status", "stage", "progress", "shown"),
    [
        (Status.PENDING, "", 0, 0),
        (Status.PENDING, "", 45, 45),
        (Status.RUNNING, Stage.PULL, 45, 45),
        (Status.CANCELING, Stage.PULL, 45, 45),
        (Status.FAILED, Stage.PULL, 45, 45),
        (Status.CANCELED, "", 0, 0),
        (Status.SUCCESS, Stage.DONE, 100, 100),
        # Rows that no worker of ours wrote.
        (Status.RUNNING, Stage.PUSH, 0, STAGE_PROGRESS[Stage.PUSH]),
        (Status.RUNNING, Stage.DONE, 100, 99),
        (Status.RUNNING, "", 0, 0),
        (Status.SUCCESS, "", 0, 100),
    ],
)
def test_the_percent_is_what_was_written_but_never_below_its_stage(
    status: str, stage: str, progress: int, shown: int
) -> None:
    assert percent(status=status, stage=stage, progress=progress) == shown
