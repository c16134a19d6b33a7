"""``/projects/{id}/images/import`` as the contract says it."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from rest_framework.test import APIClient

from imageimport.models import ImportAttempt, ImportLayer, ImportTask
from projects.models import Project, Role
from tests.imageimport.developing import project
from tests.support.factories import ProjectFactory, TaskFactory, member

__all__ = ["project"]
pytestmark = pytest.mark.django_db

FIELDS = {
    "id", "project", "image_url", "source_image", "target_name", "target_tag", "target_image", "status", "stage",
    "progress", "message", "error", "error_code", "transport", "platforms", "digest", "source_digest", "bytes_total",
    "via", "signature",
    "bytes_done", "bytes_reused", "rate", "eta_seconds", "attempts", "not_before", "has_credentials", "requested_by",
    "retry_of", "batch", "schedule", "created_at", "started_at", "updated_at", "completed_at",
}  # fmt: skip


def path(project: Project, *more: Any) -> str:
    return "/".join([f"/api/v1/projects/{project.pk}/images/import", *map(str, more)])


def test_post_answers_202_with_the_task_and_its_location(api: APIClient, project: Project) -> None:
    answer = api.post(path(project), {"image_url": "nginx"})
    assert answer.status_code == 202
    body = answer.json()
    assert set(body) == FIELDS | {"request", "layers", "history"}
    assert answer["Location"].endswith(path(project, body["id"]))
    assert (body["status"], body["progress"], body["has_credentials"]) == ("pending", 0, False)
    assert api.get(answer["Location"]).json() == body


def test_the_same_key_gives_the_first_answer(api: APIClient, project: Project) -> None:
    first = api.post(path(project), {"image_url": "nginx"}, headers={"Idempotency-Key": "k1"})
    again = api.post(path(project), {"image_url": "nginx"}, headers={"Idempotency-Key": "k1"})
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    other = api.post(path(project), {"image_url": "redis"}, headers={"Idempotency-Key": "k1"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert ImportTask.objects.count() == 1


def test_a_refused_request_leaves_its_key_unused(api: APIClient, project: Project) -> None:
    assert api.post(path(project), {"image_url": ""}, headers={"Idempotency-Key": "k2"}).status_code == 400
    TaskFactory(project=project, target_name="nginx", target_tag="latest")
    busy = api.post(path(project), {"image_url": "nginx"}, headers={"Idempotency-Key": "k2"})
    assert busy.status_code == 409
    ImportTask.objects.all().delete()
    assert (
        api.post(path(project), {"image_url": "nginx"}, headers={"Idempotency-Key": "k2"}).status_code == 202
    )


def test_a_busy_target_names_the_active_task(api: APIClient, project: Project) -> None:
    first = api.post(path(project), {"image_url": "nginx"}).json()
    answer = api.post(path(project), {"image_url": "quay.io/x/y", "target_name": "nginx"})
    assert (answer.status_code, answer.json()["code"], answer.json()["task"]) == (
        409,
        "target_busy",
        first["id"],
    )


def test_detail_has_layers_and_history(api: APIClient, project: Project) -> None:
    task = TaskFactory(project=project)
    ImportLayer.objects.create(
        task=task,
        position=0,
        digest="sha256:a",
        platform="linux/arm64",
        size=9,
        bytes_done=3,
        state="copying",
    )
    ImportAttempt.objects.create(
        task=task, fence=1, attempt=1, outcome="lost", error_code="worker_lost", error="Gone."
    )
    body = api.get(path(project, task.pk)).json()
    assert body["layers"] == [
        {"digest": "sha256:a", "platform": "linux/arm64", "size": 9, "bytes_done": 3, "state": "copying"}
    ]
    attempt = body["history"][0]
    assert set(attempt) == {"attempt", "started_at", "ended_at", "outcome", "error_code", "error"}
    assert (attempt["outcome"], attempt["error_code"]) == ("lost", "worker_lost")


def test_cancel_and_retry_answer_202_and_then_409(api: APIClient, project: Project) -> None:
    task = api.post(path(project), {"image_url": "nginx"}).json()
    canceled = api.post(path(project, task["id"], "cancel"))
    assert (canceled.status_code, canceled.json()["status"]) == (202, "canceled")
    again = api.post(path(project, task["id"], "cancel"))
    assert (again.status_code, again.json()["code"]) == (409, "not_cancelable")
    retried = api.post(path(project, task["id"], "retry"))
    assert (retried.status_code, retried.json()["retry_of"]) == (202, task["id"])
    waiting = api.post(path(project, retried.json()["id"], "retry"))
    assert (waiting.status_code, waiting.json()["code"]) == (409, "not_retryable")


def test_errors_follow_the_language(api: APIClient, project: Project) -> None:
    answer = api.post(
        path(project), {"image_url": "nginx", "username": "me"}, headers={"Accept-Language": "zh-CN"}
    )
    assert answer.json()["password"] == ["请同时填写密码。"]


def test_strangers_get_404_and_viewers_403_and_nobody_401(api: APIClient) -> None:
    task = TaskFactory()
    assert api.get(path(task.project)).status_code == 401
    stranger, _own = member(Role.OWNER)
    api.force_authenticate(stranger)
    for call in (api.get(path(task.project)), api.post(path(task.project), {"image_url": "nginx"})):
        assert call.status_code == 404
    viewer, _project = member(Role.VIEWER, task.project)
    api.force_authenticate(viewer)
    assert api.get(path(task.project, task.pk)).status_code == 200
    assert api.post(path(task.project), {"image_url": "nginx"}).status_code == 403
    assert api.post(path(task.project, task.pk, "cancel")).status_code == 403


def test_another_projects_task_is_not_found_here(api: APIClient, project: Project) -> None:
    theirs = TaskFactory(project=ProjectFactory())
    for call in (api.get(path(project, theirs.pk)), api.post(path(project, theirs.pk, "cancel"))):
        assert call.status_code == 404
    assert api.get(path(project, uuid.uuid4())).status_code == 404
