"""History, batches, schedules, projects: lists with filters, and what each of them leads to."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Callable

from django.test import Client
from django.utils import timezone

from imageimport.choices import Status
from imageimport.models import ImportTask, Schedule, ScheduleRun
from projects.models import Project, SavedFilter
from projects.search import saved_filters
from tests.pages.conftest import htmx
from tests.support.factories import BatchFactory, TaskFactory, ended_task
from tests.support.people import Team

As = Callable[..., Client]
HISTORY = "/projects/team/imports/"


def text(answer: object) -> str:
    return answer.content.decode()  # type: ignore[attr-defined]


def test_history_filters_by_status_and_text_in_the_address(as_: As, team: Team) -> None:
    ended_task(Status.FAILED, project=team.project, target_name="broken", source_image="ghcr.io/a/broken:1")
    ended_task(Status.SUCCESS, project=team.project, target_name="whole", source_image="ghcr.io/a/whole:1")
    client = as_("viewer")
    page = text(client.get(HISTORY, {"status": "failed"}))
    assert ">broken:latest<" in page
    assert ">whole:latest<" not in page
    assert 'value="failed" checked' in page
    page = text(client.get(HISTORY, {"search": "whole"}))
    assert ">whole:latest<" in page
    assert ">broken:latest<" not in page


def test_history_filters_by_person_error_and_date_and_so_do_csv_and_saved_filters(
    as_: As, team: Team
) -> None:
    def made(name: str, day: int, **values: object) -> None:
        created = dt.datetime(2026, 3, day, 15, tzinfo=dt.UTC)
        ended_task(Status.FAILED, project=team.project, target_name=name, created_at=created, **values)

    made("first", 1, requested_by=team.users["developer"], error_code="not_found")
    made("second", 2, requested_by=team.users["owner"], error_code="not_found")
    made("third", 3, robot="robot$team+ci", error_code="unreachable")
    client = as_("viewer")

    def shown(**asked: str) -> list[str]:
        page = text(client.get(HISTORY, asked))
        rows = client.get(f"/api/v1/projects/{team.project.pk}/images/import", {**asked, "format": "csv"})
        listed = [row["target_image"] for row in csv.DictReader(io.StringIO(text(rows)))]
        found = [name for name in ("first", "second", "third") if f">{name}:latest<" in page]
        assert len(found) == len(listed)
        return found

    assert shown(requested_by="team-developer") == ["first"]
    assert shown(requested_by="robot$team+ci") == ["third"]
    assert shown(requested_by="no-one") == []
    assert shown(error_code="not_found") == ["first", "second"]
    assert shown(error_code="not_found", requested_by="team-owner", status="failed") == ["second"]
    assert shown(created_after="2026-03-02") == ["second", "third"]
    assert shown(created_before="2026-03-02") == ["first", "second"]
    assert shown(created_before="2026-03-02T15:00:00Z", created_after="2026-03-01") == ["first"]
    page = text(
        client.get(HISTORY, {"requested_by": "team-owner", "created_before": "2026-03-02", "error_code": ""})
    )
    assert '<details class="more" id="history-more" open>' in page
    assert (
        '<option value="robot$team+ci"></option>' in page and '<option value="team-owner"></option>' in page
    )
    kept = "requested_by=team-owner&amp;created_before=2026-03-02"
    assert f'images/import?format=csv&amp;{kept}"' in page
    assert f'name="query" value="{kept}&amp;"' in page
    assert saved_filters.narrowed(SavedFilter.List.IMPORTS, "created_before=2026-03-02&page_size=25") == (
        "created_before=2026-03-02"
    )


def test_history_says_of_a_date_or_error_that_there_is_not_that_nothing_matches(as_: As, team: Team) -> None:
    ended_task(Status.FAILED, project=team.project)
    client = as_("viewer")
    for asked in (
        {"created_after": "yesterday"},
        {"error_code": "nonsense"},
        {"created_before": "9999-12-31T23:59:59-23:59"},
    ):
        assert "No import matches" in text(client.get(HISTORY, asked))
        assert client.get(f"/api/v1/projects/{team.project.pk}/images/import", asked).status_code == 400
    assert "No import matches" not in text(client.get(HISTORY, {"created_before": "9999-12-31"}))


def test_history_tells_nothing_yet_from_nothing_matches(as_: As, team: Team) -> None:
    client = as_("developer")
    assert "No imports yet" in text(client.get(HISTORY))
    ended_task(Status.SUCCESS, project=team.project)
    assert "No import matches" in text(client.get(HISTORY, {"status": "canceled"}))
    assert "No import matches" in text(client.get(HISTORY, {"batch": "no-uuid"}))


def test_rows_written_by_hand_are_listed_and_found(as_: As, team: Team) -> None:
    rows = [
        ImportTask(project=team.project, source_image=f"x.example/a{n}", target_image=f"h/team/a{n}")
        for n in range(40)
    ]
    ImportTask.objects.bulk_create(rows)
    client = as_("viewer")
    assert "Older" in text(client.get(HISTORY))
    assert "x.example/a39" in text(client.get(HISTORY, {"search": "a39"}))


def test_a_batch_shows_its_totals_and_polls_while_it_runs(as_: As, team: Team) -> None:
    batch = BatchFactory(project=team.project, name="Thirty")
    TaskFactory(project=team.project, batch=batch, batch_index=0)
    ended_task(Status.FAILED, project=team.project, batch=batch, batch_index=1)
    client = as_("developer")
    page = text(client.get(f"/projects/team/batches/{batch.pk}/"))
    for words in ("Thirty", "1 Failed", "1 Pending", "Retry failed imports", 'hx-trigger="every 2s"'):
        assert words in page, words
    assert "Thirty" in text(client.get("/projects/team/batches/"))
    client.post(f"/projects/team/batches/{batch.pk}/cancel/")
    page = text(htmx(client, "get", f"/projects/team/batches/{batch.pk}/"))
    assert "every 2s" not in page
    assert "1 Canceled" in page


def test_what_failed_of_a_batch_is_retried(as_: As, team: Team) -> None:
    batch = BatchFactory(project=team.project)
    ended_task(Status.FAILED, project=team.project, batch=batch, batch_index=0)
    as_("developer").post(f"/projects/team/batches/{batch.pk}/retry/")
    assert batch.tasks.filter(status=Status.PENDING).count() == 1


def schedule_fields(**changes: str) -> dict[str, str]:
    return {
        "image_url": "docker.io/library/redis",
        "tags": "7.*, semver:>=7.2 <8",
        "cron": "0 3 * * *",
        "timezone": "Asia/Shanghai",
        "enabled": "on",
        **changes,
    }


def test_a_schedule_is_made_changed_run_and_deleted(as_: As, team: Team) -> None:
    client = as_("maintainer")
    answer = client.post("/projects/team/schedules/new/", schedule_fields())
    assert answer.status_code == 302, text(answer)
    row = Schedule.objects.get()
    assert row.tags == ["7.*", "semver:>=7.2 <8"]
    assert answer["Location"] == f"/projects/team/schedules/{row.pk}/"
    edit = f"/projects/team/schedules/{row.pk}/edit/"
    assert "7.*, semver:&gt;=7.2 &lt;8" in text(client.get(edit))
    client.post(edit, schedule_fields(tags="6.*", enabled=""))
    row.refresh_from_db()
    assert (row.tags, row.enabled) == (["6.*"], False)
    client.post(f"/projects/team/schedules/{row.pk}/run/")
    assert ScheduleRun.objects.filter(schedule=row, ended_at=None).count() == 1
    page = text(client.get(f"/projects/team/schedules/{row.pk}/"))
    assert 'hx-trigger="every 2s"' in page
    assert "Already running." in page
    client.post(f"/projects/team/schedules/{row.pk}/delete/")
    assert not Schedule.objects.exists()


def test_errors_of_a_schedule_stand_under_their_fields(as_: As, team: Team) -> None:
    wrong = schedule_fields(cron="every day", timezone="Mars/Base", image_url="NOT//ok")
    page = text(as_("maintainer").post("/projects/team/schedules/new/", wrong))
    assert 'id="schedule-image_url-error"' in page
    page = text(as_("maintainer").post("/projects/team/schedules/new/", schedule_fields(cron="every day")))
    assert 'id="schedule-cron-error"' in page


def test_a_run_says_what_changed(as_: As, team: Team) -> None:
    row = Schedule.objects.create(
        project=team.project,
        image_url="docker.io/library/redis",
        cron="0 3 * * *",
        last_result={"checked": 3, "imported": 1, "unchanged": 2, "failed": 0},
        last_run_at=timezone.now(),
    )
    task = TaskFactory(project=team.project)
    error = {"template": "The host %(host)s was not found.", "params": {"host": "r.example"}}
    ScheduleRun.objects.create(
        schedule=row,
        ended_at=timezone.now(),
        checked=3,
        new=1,
        failed=1,
        items=[
            {
                "tag": "7.4",
                "digest": "sha256:" + "a" * 64,
                "was": None,
                "result": "new",
                "task": str(task.pk),
            },
            {"tag": "7.2", "result": "failed", "task": None, "error": error},
        ],
    )
    page = text(as_("viewer").get(f"/projects/team/schedules/{row.pk}/"))
    for words in (
        "3 checked",
        "1 new",
        "7.4",
        f"/imports/{task.pk}/",
        "The host r.example was not found.",
    ):
        assert words in page, words
    assert "1 imported" in text(as_("viewer").get("/projects/team/schedules/"))


def test_projects_are_listed_searched_and_made(as_: As, team: Team) -> None:
    client = as_("viewer")
    assert ">team<" in text(client.get("/projects/"))
    assert "No project matches" in text(client.get("/projects/", {"search": "zzz"}))
    answer = client.post("/new-project/", {"name": "mine", "visibility": "private"})
    assert answer["Location"] == "/projects/mine/"
    assert client.get("/projects/mine/").status_code == 200
    answer = client.post("/new-project/", {"name": "mine", "visibility": "private"})
    assert answer.status_code == 422
    answer = client.post("/new-project/", {"name": "Not Lower", "visibility": "private"})
    assert answer.status_code == 422
    assert Project.objects.filter(name__in=("mine", "Not Lower")).count() == 1


def test_a_stranger_sees_no_project_and_what_to_do(as_: As, team: Team) -> None:
    for path in ("/", "/projects/"):
        assert "No projects yet" in text(as_("stranger").get(path)), path
