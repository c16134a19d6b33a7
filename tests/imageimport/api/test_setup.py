"""Schedules, credentials, webhooks, timelines and usage in the API."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from imageimport.messages import parts
from imageimport.models import Credential, Schedule, ScheduleRun, TagDigest, Webhook, WebhookDelivery
from projects.models import Image, Project, Role
from tests.support.factories import CredentialFactory, member

pytestmark = pytest.mark.django_db
CRON = {"image_url": "quay.io/a/b", "tags": ["1.*", "semver:>=1.2 <2"], "cron": "0 3 * * *"}


@pytest.fixture
def api() -> APIClient:
    return APIClient()


@pytest.fixture
def project(api: APIClient) -> Project:
    user, project = member(Role.MAINTAINER)
    api.force_authenticate(user)
    return project


def path(project: Project, *more: Any) -> str:
    return "/".join([f"/api/v1/projects/{project.pk}", *map(str, more)])


# --- schedules ------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**CRON, "tags": "1.*"}, "tags"),
        ({**CRON, "tags": ["semver:nope"]}, "tags"),
        ({**CRON, "timezone": "Mars"}, "timezone"),
        ({**CRON, "credential": "00000000-0000-0000-0000-000000000000"}, "credential"),
        ({"cron": "0 3 * * *"}, "image_url"),
        ({"image_url": "nginx"}, "cron"),
    ],
)
def test_wrong_fields_are_named(api: APIClient, project: Project, body: dict[str, Any], field: str) -> None:
    answer = api.post(path(project, "schedules"), body)
    assert (answer.status_code, list(answer.json())) == (400, [field])


def test_another_projects_credential_is_unknown_to_a_schedule(api: APIClient, project: Project) -> None:
    theirs = CredentialFactory(registry="quay.io")
    answer = api.post(path(project, "schedules"), {**CRON, "credential": str(theirs.pk)})
    assert (answer.status_code, list(answer.json())) == (400, ["credential"])
    mine = CredentialFactory(project=project, registry="quay.io")
    assert api.post(path(project, "schedules"), {**CRON, "credential": str(mine.pk)}).json()[
        "credential"
    ] == str(mine.pk)


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


# --- credentials ----------------------------------------------------------------------------------------------


def test_a_password_goes_in_and_never_out(api: APIClient, project: Project) -> None:
    body = {"name": "hub", "registry": "index.docker.io", "username": "me", "password": " canary "}
    answer = api.post(path(project, "credentials"), body)
    assert answer.status_code == 201
    assert {"id", "name", "registry", "username"} <= set(answer.json())
    assert (answer.json()["registry"], answer.json()["has_password"]) == ("docker.io", True)
    saved = Credential.objects.get()
    assert saved.password.reveal() == " canary "
    for shown in (
        answer,
        api.get(path(project, "credentials")),
        api.get(path(project, "credentials", saved.pk)),
    ):
        assert "canary" not in shown.content.decode()
        assert "password" not in str(shown.json()).replace("has_password", "")


def test_the_contracts_rules_of_change(api: APIClient, project: Project) -> None:
    saved = CredentialFactory(project=project, registry="ghcr.io", password="canary")
    where = path(project, "credentials", saved.pk)
    assert api.patch(where, {"name": "new"}).json()["has_password"] is True
    assert api.patch(where, {"registry": "quay.io", "password": "other"}).json()["has_password"] is True
    saved.refresh_from_db()
    assert saved.password.reveal() == "other"
    assert api.patch(where, {"registry": "evil.example.com"}).json()["has_password"] is False
    assert api.delete(where).status_code == 204


def test_a_needed_credential_answers_409(api: APIClient, project: Project) -> None:
    saved = CredentialFactory(project=project, registry="quay.io")
    api.post(path(project, "schedules"), {**CRON, "credential": str(saved.pk)})
    answer = api.delete(path(project, "credentials", saved.pk))
    assert (answer.status_code, answer.json()["code"]) == (409, "credential_in_use")


@pytest.mark.parametrize("missing", ["name", "registry", "username", "password"])
def test_a_new_credential_is_whole(api: APIClient, project: Project, missing: str) -> None:
    body = {"name": "hub", "registry": "docker.io", "username": "me", "password": "x"}
    body.pop(missing)
    answer = api.post(path(project, "credentials"), body)
    assert (answer.status_code, list(answer.json())) == (400, [missing])


# --- webhooks -------------------------------------------------------------------------------------------------


def test_a_webhooks_secret_goes_in_and_never_out(api: APIClient, project: Project) -> None:
    body = {"url": "https://hooks.example.com/x", "secret": "canary", "events": ["import.failed"]}
    answer = api.post(path(project, "webhooks"), body)
    assert answer.status_code == 201
    assert (answer.json()["events"], answer.json()["enabled"]) == (["import.failed"], True)
    hook = Webhook.objects.get()
    assert api.patch(path(project, "webhooks", hook.pk), {"enabled": False}).json()["has_secret"] is True
    hook.refresh_from_db()
    assert hook.secret.reveal() == "canary"
    assert "canary" not in api.get(path(project, "webhooks")).content.decode() + answer.content.decode()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "https://127.0.0.1/"}, "url"),
        ({"url": "http://hooks.example.com/"}, "url"),
        ({"events": ["import.failed"]}, "url"),
        ({"url": "https://hooks.example.com/", "events": ["nonsense"]}, "events"),
        ({"url": "https://hooks.example.com/", "events": []}, "events"),
    ],
)
def test_wrong_webhooks_are_named(api: APIClient, project: Project, body: dict[str, Any], field: str) -> None:
    answer = api.post(path(project, "webhooks"), body)
    assert (answer.status_code, list(answer.json())) == (400, [field])


def test_the_log_of_deliveries_and_sending_again(api: APIClient, project: Project) -> None:
    hook = Webhook.objects.create(project=project, url="https://hooks.example.com/", events=["import.failed"])
    sent = WebhookDelivery.objects.create(
        webhook=hook,
        event="import.failed",
        payload={"id": "1"},
        state="failed",
        attempts=10,
        response_status=500,
    )
    where = path(project, "webhooks", hook.pk, "deliveries")
    (shown,) = api.get(where).json()["results"]
    assert (shown["state"], shown["attempts"], shown["next_attempt_at"]) == ("failed", 10, None)
    assert api.get(f"{where}/{sent.pk}").json()["payload"] == {"id": "1"}
    again = api.post(f"{where}/{sent.pk}/redeliver")
    assert (again.status_code, again.json()["state"], again.json()["payload"]) == (
        202,
        "pending",
        {"id": "1"},
    )
    assert api.get(path(project, "webhooks")).json()["results"][0]["last_state"] == "pending"


# --- timelines and usage --------------------------------------------------------------------------------------


def test_the_timeline_of_a_tag(api: APIClient, project: Project) -> None:
    image = Image.objects.create(project=project, repository="app", tag="1", digest="sha256:" + "b" * 64)
    for letter in "ab":
        TagDigest.objects.create(project=project, repository="app", tag="1", digest="sha256:" + letter * 64)
    rows = api.get(path(project, "images", image.pk, "digests")).json()["results"]
    assert [row["digest"][-1] for row in rows] == ["b", "a"]
    answer = api.post(path(project, "images", image.pk, "restore"), {"digest": "sha256:" + "c" * 64})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_in_timeline")


def test_usage_stands_beside_the_limits(api: APIClient, project: Project) -> None:
    Project.objects.filter(pk=project.pk).update(quota_bytes=1000)
    found = api.get(path(project, "usage")).json()
    assert found.items() >= {
        "images": 0, "images_limit": None, "bytes": 0, "bytes_limit": 1000, "queued": 0, "queued_limit": None,
    }.items()  # fmt: skip
    assert found["limits"] == {"images": None, "bytes": 1000, "queued": None}


@pytest.mark.parametrize(("kind", "below"), [("schedules", "runs"), ("webhooks", "deliveries")])
def test_what_is_gone_has_no_history_to_list(api: APIClient, project: Project, kind: str, below: str) -> None:
    body = {"image_url": "ghcr.io/a/b", "cron": "0 3 * * *", "url": "https://hooks.example.com/"}
    made = api.post(path(project, kind), body).json()["id"]
    assert api.get(path(project, kind, made, below)).json()["results"] == []
    assert api.delete(path(project, kind, made)).status_code == 204
    assert api.get(path(project, kind, made, below)).status_code == 404
