"""Imports that read an uploaded file."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable

import pytest
import zstandard
from rest_framework.test import APIClient

from imageimport.bundles import uploads
from imageimport.choices import Status
from imageimport.models import BundleUpload, ImportTask
from imageimport.registries.archives import path_of
from oci.layout.files import ArchiveFile
from projects.models import Project
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry
from tests.imageimport.uploading import INDEX, ONE, plan, project, start, upload
from tests.support.content.archives import docker_save, layout, plain_image

__all__ = ["project"]
pytestmark = pytest.mark.django_db(transaction=True)
Work = Callable[[], list[ImportTask]]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor().compress])
def test_compressed_files_are_imported_as_they_are(
    api: APIClient, project: Project, target: ScriptedRegistry, work: Work, pack: Callable[[bytes], bytes]
) -> None:
    image, layers = plain_image([50_000, 4_000], seed=4)
    saved = docker_save({"docker.io/library/nginx:1.27": (image, layers), "app:2": (image, layers)})
    answer = start(api, project, upload(project, pack(saved), "images.tar.gz"))
    assert answer.status_code == 202, answer.content
    assert {task.status for task in work()} == {Status.SUCCESS}
    assert set(target.repository(f"{project.name}/nginx").blobs.values()) == {image.blobs[0].data, *layers}


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor().compress])
def test_a_compressed_file_is_decompressed_once_for_its_index_and_once_for_its_layers(
    api: APIClient,
    project: Project,
    target: ScriptedRegistry,
    work: Work,
    monkeypatch: pytest.MonkeyPatch,
    pack: Callable[[bytes], bytes],
) -> None:
    image = random_image([300_000 + 1_000 * number for number in range(8)], seed=9)
    packed = pack(layout({"app:1": image}))
    made, came, pread = upload(project, packed), [], ArchiveFile.pread

    def counted(file: ArchiveFile, view: memoryview, offset: int) -> int:
        came.append(pread(file, view, offset))
        return came[-1]

    monkeypatch.setattr(ArchiveFile, "pread", counted)
    assert plan(api, project, made).status_code == 200
    assert start(api, project, made).status_code == 202
    assert [task.status for task in work()] == [Status.SUCCESS]
    assert set(target.repository(f"{project.name}/app").blobs) == {each.digest for each in image.all_blobs()}
    assert sum(came) < 2.2 * len(packed)
    uploads.delete(upload=BundleUpload.objects.get(pk=made))
    assert list(path_of("x").parent.iterdir()) == [], "the index goes with the file"


def test_a_changed_layer_ends_its_import_and_no_tag_moves(
    api: APIClient, project: Project, target: ScriptedRegistry, work: Work
) -> None:
    content = bytearray(layout({"app:1": ONE, "all:2": INDEX}))
    layer = ONE.blobs[1]
    content[content.index(layer.data) + random.Random(1).randrange(layer.size)] ^= 0x10
    assert start(api, project, upload(project, bytes(content))).status_code == 202
    done = {task.target_name: task for task in work()}
    assert done["app"].status == Status.FAILED
    assert done["app"].error_code == "bundle_invalid"
    assert layer.digest in done["app"].error
    assert "1" not in target.repository(f"{project.name}/app").manifests
    assert done["all"].status == Status.SUCCESS


def test_a_retry_reads_the_file_while_it_stands(
    api: APIClient, project: Project, target: ScriptedRegistry, work: Work
) -> None:
    file = upload(project, layout({"app:1": ONE}))
    start(api, project, file)
    path = path_of(file)
    content = path.read_bytes()
    path.write_bytes(content[:1000])
    failed = work()[0]
    assert failed.error_code == "bundle_invalid"
    path.write_bytes(content)
    retry = f"/api/v1/projects/{project.pk}/images/import/{failed.pk}/retry"
    assert api.post(retry, {}).status_code == 202
    assert work()[-1].status == Status.SUCCESS
    ImportTask.objects.filter(pk=failed.pk).update(status=Status.FAILED)
    BundleUpload.objects.all().delete()
    gone = api.post(retry, {})
    assert (gone.status_code, gone.json()["code"]) == (409, "not_retryable")
