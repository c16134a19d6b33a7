"""``…/images/import/batches`` as the contract says it."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from rest_framework.test import APIClient

from imageimport.choices import Status
from imageimport.models import ImportBatch, ImportTask
from projects.models import Project
from tests.imageimport.developing import project
from tests.support.factories import TaskFactory

__all__ = ["project"]
pytestmark = pytest.mark.django_db
FIELDS = {
    "id",
    "name",
    "total",
    "counts",
    "progress",
    "bytes_total",
    "bytes_done",
    "created_at",
    "completed_at",
}


def path(project: Project, *more: Any) -> str:
    return "/".join([f"/api/v1/projects/{project.pk}/images/import/batches", *map(str, more)])


def post(api: APIClient, project: Project, *images: Any, **fields: Any) -> Any:
    return api.post(path(project), {"images": list(images), **fields})


def test_a_batch_of_texts_and_bodies_answers_202_with_its_imports(api: APIClient, project: Project) -> None:
    answer = post(
        api, project, "nginx", {"image_url": "quay.io/a/b:1", "target_name": "mine"}, name="nightly"
    )
    assert answer.status_code == 202
    body = answer.json()
    assert FIELDS | {"tasks"} <= set(body)
    assert (body["name"], body["total"], body["progress"], body["completed_at"]) == ("nightly", 2, 0, None)
    assert body["counts"] == {
        "requested": 0,
        "pending": 2,
        "running": 0,
        "success": 0,
        "failed": 0,
        "canceled": 0,
    }
    assert [task["target_name"] for task in body["tasks"]] == ["nginx", "mine"]
    assert {task["batch"] for task in body["tasks"]} == {body["id"]}
    detail = api.get(answer["Location"]).json()
    assert set(detail) >= FIELDS
    assert detail["total"] == 2
    listed = api.get(path(project).replace("/batches", "") + f"?batch={body['id']}").json()["results"]
    assert {task["id"] for task in listed} == {task["id"] for task in body["tasks"]}


def test_every_bad_entry_is_named_by_its_index_and_nothing_is_made(api: APIClient, project: Project) -> None:
    TaskFactory(project=project, target_name="busy")
    bad = [
        {"image_url": ""},
        7,
        None,
        {},
        {"image_url": "nginx", "overwrite": "maybe"},
        ["x"],
        "10.0.0.1/x",
        "a b",
    ]
    answer = post(api, project, "nginx", *bad, "redis")
    assert answer.status_code == 400
    assert list(answer.json()) == ["images"]
    errors = answer.json()["images"]
    assert sorted(map(int, errors)) == list(range(1, len(bad) + 1))
    assert all(isinstance(sentence, str) for found in errors.values() for sentence in found)
    assert not ImportBatch.objects.exists()
    assert ImportTask.objects.count() == 1


def test_a_busy_target_is_an_entrys_error(api: APIClient, project: Project) -> None:
    TaskFactory(project=project, target_name="nginx")
    answer = post(api, project, "redis", "nginx")
    assert (answer.status_code, list(answer.json()["images"])) == (400, ["1"])


def test_the_same_key_gives_the_first_answer(api: APIClient, project: Project) -> None:
    first = api.post(path(project), {"images": ["nginx"]}, headers={"Idempotency-Key": "k"})
    second = api.post(path(project), {"images": ["nginx"]}, headers={"Idempotency-Key": "k"})
    other = api.post(path(project), {"images": ["redis"]}, headers={"Idempotency-Key": "k"})
    assert first.json()["id"] == second.json()["id"]
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert ImportBatch.objects.count() == 1


def test_a_full_queue_is_429_with_a_time(api: APIClient, project: Project, settings: Any) -> None:
    settings.IMPORT_MAX_QUEUED_PER_PROJECT = 1
    answer = post(api, project, "a", "b")
    assert (answer.status_code, answer.json()["code"]) == (429, "queue_full")
    assert int(answer["Retry-After"]) > 0


def test_cancel_and_retry_answer_with_the_batch(api: APIClient, project: Project) -> None:
    batch = post(api, project, "a", "b").json()
    ImportTask.objects.filter(target_name="a").update(status=Status.FAILED)
    canceled = api.post(path(project, batch["id"], "cancel"))
    assert (canceled.status_code, canceled.json()["counts"]["canceled"]) == (202, 1)
    again = api.post(path(project, batch["id"], "cancel"))
    assert (again.status_code, again.json()["code"]) == (409, "not_cancelable")
    retried = api.post(path(project, batch["id"], "retry"))
    assert (retried.status_code, retried.json()["total"]) == (202, 2)
    assert retried.json()["counts"] == {
        "requested": 0,
        "pending": 1,
        "running": 0,
        "success": 0,
        "failed": 0,
        "canceled": 1,
    }
    nothing = api.post(path(project, batch["id"], "retry"))
    assert (nothing.status_code, nothing.json()["code"]) == (409, "not_retryable")


def test_erased_credentials_are_asked_for(api: APIClient, project: Project) -> None:
    batch = post(api, project, "ghcr.io/a/b", username="me", password="hunter22").json()
    ImportTask.objects.update(status=Status.FAILED, username="", password="", credentials_erased=True)
    answer = api.post(path(project, batch["id"], "retry"))
    assert (answer.status_code, list(answer.json())) == (400, ["password"])
    answer = api.post(path(project, batch["id"], "retry"), {"username": "me", "password": "hunter23"})
    assert answer.status_code == 202
    assert ImportTask.objects.get(status=Status.PENDING).password.reveal() == "hunter23"


def test_results_come_as_json_and_as_csv_without_formulas(api: APIClient, project: Project) -> None:
    batch = post(api, project, "nginx").json()
    ImportTask.objects.update(status=Status.FAILED, error_code="not_found", error='=HYPERLINK("http://x")')
    as_json = api.get(path(project, batch["id"], "results")).json()
    assert as_json[0]["error"].startswith("=")
    answer = api.get(path(project, batch["id"], "results") + "?format=csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer["Content-Disposition"]
    (row,) = csv.DictReader(io.StringIO(answer.content.decode()))
    assert row["error"] == '\'=HYPERLINK("http://x")'
    assert (row["image_url"], row["status"], row["task"]) == ("nginx", "failed", as_json[0]["task"])


def test_a_pasted_text_is_read_without_importing(api: APIClient, project: Project) -> None:
    answer = api.post(path(project, "read"), {"text": "docker pull nginx:1\nBad!!\nnginx:1"})
    assert answer.status_code == 200
    good, bad = answer.json()["entries"]
    assert (good["line"], good["reference"], good["also"]) == (1, "docker.io/library/nginx:1", [3])
    assert (bad["line"], bad["reference"]) == (2, "")
    assert "not a valid image name" in bad["error"]
    nothing = api.post(path(project, "read"), {"text": "# nothing"})
    assert (nothing.status_code, list(nothing.json())) == (400, ["text"])
    assert not ImportTask.objects.exists()


def test_batches_are_listed_newest_first(api: APIClient, project: Project) -> None:
    ids = [post(api, project, name).json()["id"] for name in ("a", "b")]
    assert [row["id"] for row in api.get(path(project)).json()["results"]] == ids[::-1]
