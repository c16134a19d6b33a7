"""How many queries a page takes: kept as data, compared here, the same with one row as with many.

After a deliberate change: ``UPDATE_QUERY_COUNTS=1 pytest tests/pages/test_query_counts.py`` writes the file anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from imageimport.choices import Status
from imageimport.models import ImportLayer, ImportTask, Schedule, ScheduleRun
from tests.pages.conftest import htmx
from tests.support.factories import BatchFactory, CredentialFactory, ImageFactory, TaskFactory, ended_task
from tests.support.people import Team

COUNTS = Path(__file__).with_name("query_counts.json")
As = Callable[..., Client]


def fill(team: Team, times: int) -> dict[str, str]:
    """Rows of every kind, ``times`` of each; ids for addresses."""
    project = team.project
    batch = BatchFactory(project=project)
    schedule = Schedule.objects.create(project=project, image_url="redis", cron="0 3 * * *")
    task = TaskFactory(project=project, status=Status.RUNNING, stage="pull", batch=batch, batch_index=0)
    for number in range(times):
        image = ImageFactory(project=project)
        CredentialFactory(project=project)
        ended_task(
            Status.FAILED,
            project=project,
            batch=batch,
            batch_index=number + 1,
            requested_by=team.users["owner"],
        )
        ended_task(Status.SUCCESS, project=project, target_name=image.repository, target_tag=image.tag)
        BatchFactory(project=project)
        Schedule.objects.create(project=project, image_url=f"redis{number}", cron="0 3 * * *")
        ScheduleRun.objects.create(schedule=schedule, ended_at=timezone.now())
        ImportLayer.objects.create(task=task, position=number, digest=f"sha256:{number:064}")
    return {
        "task": str(task.pk),
        "batch": str(batch.pk),
        "schedule": str(schedule.pk),
        "image": str(image.pk),
    }


PAGES = {
    "projects": "/",
    "project": "/projects/team/",
    "images fragment": "/projects/team/images/",
    "poll of the project page": "/projects/team/imports/live/",
    "import": "/projects/team/imports/{task}/",
    "poll of an import": "/projects/team/imports/{task}/live/",
    "history": "/projects/team/imports/",
    "image": "/projects/team/images/{image}/",
    "batches": "/projects/team/batches/",
    "batch": "/projects/team/batches/{batch}/",
    "schedules": "/projects/team/schedules/",
    "schedule": "/projects/team/schedules/{schedule}/",
    "settings": "/projects/team/settings/",
    "journal": "/projects/team/settings/journal/",
    "import form": "/projects/team/import/",
    "reading": "/projects/team/import/reading/?image_url=nginx",
}


def count(client: Client, name: str, ids: dict[str, str]) -> int:
    url = PAGES[name].format(**ids)
    client.get("/preferences/theme/")  # so that no first request of a session is measured
    with CaptureQueriesContext(connection) as queries:
        answer = htmx(client, "get", url) if "poll" in name or "fragment" in name else client.get(url)
    assert answer.status_code == 200
    return len(queries)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_takes_no_more_queries_than_are_written_down(as_: As, team: Team, name: str) -> None:
    client = as_("owner")
    client.cookies["django_language"] = "en"
    few = count(client, name, fill(team, 2))
    many = count(client, name, fill(team, 12))
    assert many <= few, "the number of queries grows with the rows"
    written = json.loads(COUNTS.read_text()) if COUNTS.exists() else {}
    if os.environ.get("UPDATE_QUERY_COUNTS"):
        COUNTS.write_text(json.dumps({**written, name: few}, indent=2, sort_keys=True) + "\n")
        return
    assert few <= written[name]


def test_the_numbers_are_of_pages_that_there_are() -> None:
    assert set(json.loads(COUNTS.read_text())) == set(PAGES)


def test_a_poll_reads_tasks_by_one_query(as_: As, team: Team) -> None:
    fill(team, 5)
    client = as_("viewer")
    with CaptureQueriesContext(connection) as queries:
        htmx(client, "get", "/projects/team/imports/live/")
    asked = [query["sql"] for query in queries if ImportTask._meta.db_table in query["sql"]]
    assert len(asked) == 1
    whether = "(username <> '' OR password <> '') AS holds_secret"
    assert "password" not in asked[0].replace(whether, "")
