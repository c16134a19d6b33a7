"""A batch is made of what is chosen of uploaded files, or nothing is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from imageimport.bundles import contents, uploads
from imageimport.choices import Status
from imageimport.models import BundleUpload, ImportBatch, ImportTask
from projects.models import Project
from testbed.scripted_registry import ScriptedRegistry
from tests.imageimport.uploading import INDEX, ONE, plan, project, start, upload
from tests.support.content.archives import layout, volumes

__all__ = ["project"]
pytestmark = pytest.mark.django_db(transaction=True)
Work = Callable[[], list[ImportTask]]


def test_some_images_are_chosen_and_go_under_a_prefix(
    api: APIClient, project: Project, target: ScriptedRegistry, work: Work
) -> None:
    file = upload(project, layout({"app:1": ONE, "all:2": INDEX}))
    answer = start(api, project, file, images=["all:2"], target_prefix="from/afar/", overwrite=False)
    assert answer.status_code == 202, answer.content
    task = ImportTask.objects.get()
    assert (task.target_name, task.target_tag, task.overwrite) == ("from/afar/all", "2", False)
    assert work()[0].status == Status.SUCCESS
    bad = start(api, project, file, images=["app:1", "none:1"])
    assert (bad.status_code, list(bad.json())) == (400, ["images"])
    assert start(api, project, file, target_prefix="NO").status_code == 400


def test_all_volumes_together_are_one_bundle_and_a_lost_one_is_named(
    api: APIClient, project: Project, work: Work
) -> None:
    ids = [
        upload(project, content, f"b.{number}.tar")
        for number, content in enumerate(volumes({"app:1": ONE, "all:2": INDEX}, 3))
    ]
    lost = start(api, project, ids[0], ids[2])
    assert (lost.status_code, lost.json()["code"]) == (400, "bundle_incomplete")
    assert lost.json()["missing"] == ["2/3"]
    assert not ImportBatch.objects.exists()
    assert start(api, project, *ids).status_code == 202
    assert {task.status for task in work()} == {Status.SUCCESS}


def test_what_is_no_archive_or_has_not_come_is_refused_before_a_row_is_written(
    api: APIClient, project: Project
) -> None:
    bad = start(api, project, upload(project, b"hello" * 500, "notes.txt"))
    assert (bad.status_code, bad.json()["code"]) == (400, "bundle_invalid")
    assert "notes.txt" in bad.json()["detail"]
    half = uploads.create(project=project, user=None, length=10, file_name="half.tar")
    assert "half.tar" in str(start(api, project, str(half.pk)).json()["uploads"])
    other = Project.objects.create(name="other")
    foreign = upload(other, layout({"app:1": ONE}))
    assert "uploads" in start(api, project, foreign).json()
    assert not ImportTask.objects.exists()


def test_the_files_are_read_before_the_transaction_and_not_again_for_the_same_key(
    api: APIClient, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    within: list[bool] = []
    real = contents.make_plan

    def watched(**given: Any) -> Any:
        within.append(connection.in_atomic_block)
        return real(**given)

    monkeypatch.setattr(contents, "make_plan", watched)
    file = upload(project, layout({"app:1": ONE}))
    where, body = f"/api/v1/projects/{project.pk}/bundles/import", {"uploads": [file]}
    first = api.post(where, body, headers={"Idempotency-Key": "k"})
    assert first.status_code == 202, first.content
    BundleUpload.objects.all().delete()
    again = api.post(where, body, headers={"Idempotency-Key": "k"})
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    assert within == [False]
    other = api.post(where, {"uploads": [file], "target_prefix": "x"}, headers={"Idempotency-Key": "k"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")


@pytest.mark.parametrize(
    ("limit", "most", "said"), [("ARCHIVE_IMAGES", 2, "more than 2 images"), ("ARCHIVE_BLOBS", 8, "8 blobs")]
)
def test_a_file_with_more_than_a_batch_can_hold_is_refused(
    api: APIClient, project: Project, monkeypatch: pytest.MonkeyPatch, limit: str, most: int, said: str
) -> None:
    monkeypatch.setattr(contents, limit, most)
    file = upload(project, layout({f"app:{number}": ONE for number in range(3)}))
    for ask in (start, plan):
        refused = ask(api, project, file)
        assert (refused.status_code, refused.json()["code"]) == (400, "bundle_invalid")
        assert said in refused.json()["detail"]
    monkeypatch.setattr(contents, limit, most + 1)
    assert plan(api, project, file).status_code == 200
