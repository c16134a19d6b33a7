"""Schedules and their runs in the API."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from imageimport.messages import parts
from imageimport.models import Schedule, ScheduleRun
from projects.models import Project
from tests.imageimport.paths import path

pytestmark = pytest.mark.django_db
CRON = {"image_url": "quay.io/a/b", "tags": ["1.*", "semver:>=1.2 <2"], "cron": "0 3 * * *"}


def test_a_schedule_has_the_contracts_fields(api: APIClient, project: Project) -> None:
    answer = api.post(
        path(project, "schedules"), {**CRON, "exclude_tags": ["*-rc*"], "timezone": "Asia/Shanghai"}
    )
    assert answer.status_code == 201
    body = answer.json()
    assert set(body) == {
        "id", "image_url", "tags", "exclude_tags", "newest", "min_age_days", "target_name", "platforms", "credential",
        "cron", "timezone", "enabled", "next_run_at", "last_run_at", "last_result", "gone", "newer", "warnings",
    }  # fmt: skip
    assert (body["tags"], body["enabled"], body["last_run_at"], body["last_result"]) == (
        CRON["tags"],
        True,
        None,
        None,
    )
    assert dt.datetime.fromisoformat(body["next_run_at"]) > timezone.now()
    assert api.get(path(project, "schedules", body["id"])).json() == body
    assert api.get(path(project, "schedules")).json()["results"] == [body]


def test_a_schedule_is_changed_in_parts(api: APIClient, project: Project) -> None:
    made = api.post(path(project, "schedules"), CRON).json()
    answer = api.patch(path(project, "schedules", made["id"]), {"enabled": False})
    assert answer.status_code == 200
    assert answer.json() == {**made, "enabled": False, "next_run_at": None}
    assert api.patch(path(project, "schedules", made["id"]), {"cron": "x"}).json().keys() == {"cron"}
    assert Schedule.objects.get().cron == CRON["cron"]


def test_run_answers_202_and_not_twice_at_once(api: APIClient, project: Project) -> None:
    made = api.post(path(project, "schedules"), CRON).json()
    answer = api.post(path(project, "schedules", made["id"], "run"))
    assert (answer.status_code, answer.json()["schedule"], answer.json()["ended_at"]) == (
        202,
        made["id"],
        None,
    )
    again = api.post(path(project, "schedules", made["id"], "run"))
    assert (again.status_code, again.json()["code"], again.json()["run"]) == (
        409,
        "already_running",
        answer.json()["id"],
    )


def test_the_history_of_runs_says_what_each_changed(api: APIClient, project: Project) -> None:
    made = api.post(path(project, "schedules"), CRON).json()
    said = parts("%(host)s has no %(what)s.", {"host": "quay.io", "what": "a/b:1.2"})
    item = {"tag": "1.2", "digest": "", "was": None, "result": "failed", "code": "not_found", "error": said}
    run = ScheduleRun.objects.create(
        schedule_id=made["id"], ended_at=timezone.now(), checked=12, new=1, moved=2, unchanged=9, items=[item]
    )
    (shown,) = api.get(path(project, "schedules", made["id"], "runs")).json()["results"]
    assert shown["summary"] == "12 checked, 1 new, 2 updated, 9 unchanged; 0 pulls used"
    assert shown["items"][0]["error"] == "quay.io has no a/b:1.2."
    assert shown["items"][0]["error_code"] == "not_found"
    assert api.get(path(project, "schedules", made["id"], "runs", run.pk)).json() == shown


@pytest.mark.parametrize(("kind", "below"), [("schedules", "runs"), ("webhooks", "deliveries")])
def test_what_is_gone_has_no_history_to_list(api: APIClient, project: Project, kind: str, below: str) -> None:
    body = {"image_url": "ghcr.io/a/b", "cron": "0 3 * * *", "url": "https://hooks.example.com/"}
    made = api.post(path(project, kind), body).json()["id"]
    assert api.get(path(project, kind, made, below)).json()["results"] == []
    assert api.delete(path(project, kind, made)).status_code == 204
    assert api.get(path(project, kind, made, below)).status_code == 404
