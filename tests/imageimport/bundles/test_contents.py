"""What files hold, and what they lack: found in the project, or named."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from imageimport.choices import Status
from imageimport.models import ImportTask
from oci.layout.archive import Archive
from projects.models import Image, Project
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry
from tests.imageimport.uploading import INDEX, ONE, plan, project, start, upload
from tests.support.content.archives import LAYOUT, REF_NAME, blobs_of, layout, tar, volumes

__all__ = ["project"]
pytestmark = pytest.mark.django_db(transaction=True)
Work = Callable[[], list[ImportTask]]


def test_what_a_bundle_left_out_is_found_in_the_project_or_named_before_anything_is_written(
    api: APIClient, project: Project, target: ScriptedRegistry, work: Work
) -> None:
    layer = ONE.blobs[1]
    told = {"com.registry-portal.bundle.id": "b", "com.registry-portal.bundle.base": f'["{layer.digest}"]'}
    kept = [digest for digest in blobs_of([ONE]) if digest != layer.digest]
    file = upload(project, layout({"app:1": ONE}, annotations=told, only=kept))
    lost = start(api, project, file)
    assert (lost.status_code, lost.json()["code"]) == (400, "bundle_incomplete")
    assert lost.json()["missing"] == [layer.digest]
    assert not target.seen("POST", "/blobs/uploads/")
    assert plan(api, project, file).json()["missing"] == [layer.digest]

    target.repository(f"{project.name}/base").blobs[layer.digest] = layer.data
    Image.objects.create(project=project, repository="base", tag="1", digest=INDEX.digest, size=1)
    assert plan(api, project, file).json()["missing"] == []
    assert start(api, project, file).status_code == 202
    assert work()[0].status == Status.SUCCESS, ImportTask.objects.get().error
    assert target.repository(f"{project.name}/app").blobs[layer.digest] == layer.data


def test_an_image_that_can_not_be_understood_is_the_files_fault(api: APIClient, project: Project) -> None:
    ancient = b'{"schemaVersion":1,"name":"a","tag":"1"}'
    digest = hashlib.sha256(ancient).hexdigest()
    entry = {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": f"sha256:{digest}",
        "size": len(ancient),
        "annotations": {REF_NAME: "app:1"},
    }
    index = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
    file = upload(
        project, tar([("oci-layout", LAYOUT), ("index.json", index), (f"blobs/sha256/{digest}", ancient)])
    )
    for ask in (start, plan):
        refused = ask(api, project, file)
        assert (refused.status_code, refused.json()["code"]) == (400, "bundle_invalid"), refused.content


def test_all_that_is_missing_is_listed(api: APIClient, project: Project, target: ScriptedRegistry) -> None:
    image = random_image([1000 + number for number in range(8)], seed=5)
    kept = [blob.digest for blob in image.all_manifests()]
    lost = start(api, project, upload(project, layout({"app:1": image}, only=kept)))
    assert (lost.status_code, lost.json()["code"]) == (400, "bundle_incomplete")
    assert lost.json()["missing"] == sorted(blob.digest for blob in image.all_blobs())
    some = volumes({"app:1": image}, 9)
    lost = start(api, project, upload(project, some[0]))
    assert lost.json()["missing"] == [f"{number}/9" for number in range(2, 10)]


def test_what_many_names_lead_to_is_read_once(
    api: APIClient, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    real = Archive.manifest

    def counted(self: Archive, digest: str, media_type: str = "") -> Any:
        read.append(digest)
        return real(self, digest, media_type)

    monkeypatch.setattr(Archive, "manifest", counted)
    file = upload(project, layout({f"app:{number}": ONE for number in range(20)}))
    assert len(plan(api, project, file).json()["images"]) == 20
    assert read == [ONE.digest]
