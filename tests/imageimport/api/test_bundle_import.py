"""``…/bundles/import``: uploaded files become imports, or a sentence says why not before anything is written."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from imageimport.choices import Status
from imageimport.models import BlobOrigin, ImportTask
from projects.models import Image, Project
from testbed.scripted_registry import ScriptedRegistry
from tests.imageimport.uploading import INDEX, ONE, plan, project, start, upload
from tests.support.content.archives import layout

__all__ = ["project"]
pytestmark = pytest.mark.django_db(transaction=True)
Work = Callable[[], list[ImportTask]]


def test_the_images_of_a_file_become_a_batch_and_arrive_byte_by_byte(
    api: APIClient, project: Project, target: ScriptedRegistry, work: Work
) -> None:
    answer = start(api, project, upload(project, layout({"team/app:1": ONE, "all:2": INDEX})))
    assert answer.status_code == 202, answer.content
    body = answer.json()
    assert (body["name"], body["total"]) == ("images.tar", 2)
    assert {task["image_url"] for task in body["tasks"]} == {
        "bundle:images.tar#team/app:1",
        "bundle:images.tar#all:2",
    }
    assert {task["transport"] for task in body["tasks"]} == {"bundle"}
    assert [task.status for task in work()] == [Status.SUCCESS] * 2, [t.error for t in work()]
    there = target.repository(f"{project.name}/all")
    assert there.manifests["2"] == (INDEX.manifest.media_type, INDEX.manifest.data)
    assert Image.objects.get(repository="team/app").digest == ONE.digest
    assert not BlobOrigin.objects.exclude(source_registry=f"bundle/{project.pk}").exists()


def test_a_plan_says_what_is_in_a_file_and_what_is_here(api: APIClient, project: Project) -> None:
    file = upload(project, layout({"app:1": ONE, "all:2": INDEX, "new:1": ONE}))
    Image.objects.create(project=project, repository="app", tag="1", digest=ONE.digest, size=1)
    Image.objects.create(project=project, repository="all", tag="2", digest=ONE.digest, size=1)
    found = {each["image"]: each for each in plan(api, project, file).json()["images"]}
    assert {name: each["state"] for name, each in found.items()} == {
        "app:1": "here",
        "all:2": "other",
        "new:1": "new",
    }
    assert found["all:2"]["platforms"] == ["linux/amd64", "linux/arm64"]
    assert found["app:1"]["size"] == sum(blob.size for blob in ONE.all_blobs())
    assert found["app:1"]["bytes_present"] == found["app:1"]["size"]
    assert found["new:1"]["bytes_present"] == 0
    assert not ImportTask.objects.exists()


def test_no_one_asks_for_the_transport_of_uploaded_files_by_name(api: APIClient, project: Project) -> None:
    path = f"/api/v1/projects/{project.pk}/images/import"
    for body in ({"image_url": "nginx", "transport": "bundle"}, {"image_url": "bundle:x.tar#a:1"}):
        assert api.post(path, body).status_code == 400
    assert not ImportTask.objects.exists()
