"""``…/bundles/import``: uploaded files become imports, or a sentence says why not before anything is written."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from django.db import connection
from rest_framework.test import APIClient

from imageimport.bundles import contents, deadline, uploads
from imageimport.choices import Status
from imageimport.models import BlobOrigin, BundleUpload, ImportBatch, ImportTask
from imageimport.registries.archives import path_of
from oci.layout.archive import Archive
from oci.layout.files import ArchiveFile
from projects.models import Image, Project, Role
from stack.sample import index_of
from testbed.images import random_image
from testbed.scripted_registry import Reply, Request, ScriptedRegistry
from tests.support.content.archives import (
    LAYOUT,
    REF_NAME,
    blobs_of,
    docker_save,
    layout,
    plain_image,
    tar,
    volumes,
)
from tests.support.factories import member

pytestmark = pytest.mark.django_db(transaction=True)
Work = Callable[[], list[ImportTask]]
ONE = random_image([60_000, 5_000], seed=1)
INDEX = index_of([random_image([4_000], seed=2), random_image([3_000], seed=3, platform="linux/arm64")])


@pytest.fixture(autouse=True)
def _directory(settings: Any, tmp_path: Path) -> None:
    settings.UPLOADS_DIR = tmp_path / "uploads"


@pytest.fixture
def api() -> APIClient:
    return APIClient()


@pytest.fixture
def project(api: APIClient, target: ScriptedRegistry) -> Project:
    user, project = member(Role.DEVELOPER)
    api.force_authenticate(user)
    return project


class Given:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def read(self, size: int, /) -> bytes:
        piece, self._content = self._content[:size], self._content[size:]
        return piece


def upload(project: Project, content: bytes, name: str = "images.tar") -> str:
    made = uploads.create(project=project, user=None, length=len(content), file_name=name)
    uploads.receive(upload=made, offset=0, stream=Given(content), length=len(content))
    return str(made.pk)


def start(api: APIClient, project: Project, *ids: str, **more: Any) -> Any:
    return api.post(f"/api/v1/projects/{project.pk}/bundles/import", {"uploads": list(ids), **more})


def plan(api: APIClient, project: Project, *ids: str, **more: Any) -> Any:
    return api.post(f"/api/v1/projects/{project.pk}/bundles/import/plan", {"uploads": list(ids), **more})


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


def test_a_digest_that_only_another_project_holds_is_not_brought(
    api: APIClient, project: Project, target: ScriptedRegistry, work: Work
) -> None:
    """The file names another team's layer, at the right size and with other bytes."""
    layer = ONE.blobs[1]
    Project.objects.create(name="theirs")
    target.repository("theirs/app").blobs[layer.digest] = layer.data
    BlobOrigin.objects.create(
        digest=layer.digest, source_registry="bundle", repository="theirs/app", size=layer.size
    )
    content = layout({"app:1": ONE}).replace(layer.data, bytes(layer.size))
    start(api, project, upload(project, content))
    assert work()[0].error_code == "bundle_invalid"
    assert layer.digest not in target.repository(f"{project.name}/app").blobs


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


@pytest.mark.parametrize("ask", [start, plan])
def test_reading_a_file_ends_before_proxies_give_up(
    api: APIClient, project: Project, monkeypatch: pytest.MonkeyPatch, ask: Callable[..., Any]
) -> None:
    file = upload(project, layout({"app:1": ONE}))
    monkeypatch.setattr(deadline, "READING_SECONDS", 0.05)
    real = contents.images_of

    def slow(archive: Archive) -> list[str]:
        time.sleep(1)
        return real(archive)

    monkeypatch.setattr(contents, "images_of", slow)
    late = ask(api, project, file)
    assert (late.status_code, late.json()["code"]) == (503, "timeout")
    assert not ImportBatch.objects.exists()


def test_looking_for_what_a_file_lacks_ends_with_the_time_of_a_request(
    api: APIClient, project: Project, target: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadline, "READING_SECONDS", 1.0)
    over = threading.Event()

    def silent(_request: Request, proceed: Callable[[], Reply]) -> Reply:
        over.wait(240)
        return proceed()

    target.rule("HEAD", "/blobs/", silent)
    kept = [blob.digest for blob in ONE.all_manifests()]
    began = time.monotonic()
    late = plan(api, project, upload(project, layout({"app:1": ONE}, only=kept)))
    over.set()
    assert (late.status_code, late.json()["code"]) == (503, "timeout")
    assert time.monotonic() - began < 60


def test_what_a_file_lacks_is_looked_for_first_where_its_image_goes(
    api: APIClient, project: Project, target: ScriptedRegistry
) -> None:
    for number in range(5):
        Image.objects.create(project=project, repository=f"r{number}", tag="1", digest=ONE.digest, size=1)
    for name in ("app", "b"):
        target.add_image(f"{project.name}/{name}", "1", ONE)
    kept = [blob.digest for blob in ONE.all_manifests()]
    answer = plan(api, project, upload(project, layout({"app:1": ONE, "b:1": ONE}, only=kept)))
    assert answer.json()["missing"] == []
    assert len(target.seen("HEAD", "/blobs/")) == 3


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


def test_no_one_asks_for_the_transport_of_uploaded_files_by_name(api: APIClient, project: Project) -> None:
    path = f"/api/v1/projects/{project.pk}/images/import"
    for body in ({"image_url": "nginx", "transport": "bundle"}, {"image_url": "bundle:x.tar#a:1"}):
        assert api.post(path, body).status_code == 400
    assert not ImportTask.objects.exists()
