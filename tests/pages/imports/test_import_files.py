"""The pages on which files are uploaded, looked into and imported, with scripts and without."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from accounts.exceptions import ApplicationError
from imageimport.bundles import uploads
from imageimport.models import BundleUpload, ImportBatch, ImportTask
from imageimport.registries.archives import path_of
from projects.models import Image, Project
from stack.sample import index_of
from testbed.images import random_image
from tests.support.content.archives import layout, volumes
from tests.support.people import Team

pytestmark = pytest.mark.django_db
As = Callable[..., Client]
PAGE = "/projects/team/import/files/"
ONE = random_image([9_000], seed=1)
INDEX = index_of([random_image([4_000], seed=2), random_image([3_000], seed=3, platform="linux/arm64")])


@pytest.fixture(autouse=True)
def _directory(settings: Any, tmp_path: Path) -> None:
    settings.UPLOADS_DIR = tmp_path / "uploads"


def send(client: Client, *contents: bytes) -> Any:
    files = [SimpleUploadedFile(f"images{number}.tar", each) for number, each in enumerate(contents)]
    return client.post(PAGE, {"files": files})


def look(client: Client, *ids: Any) -> Any:
    return client.get(PAGE + "plan/?" + "&".join(f"upload={each}" for each in ids))


def test_a_form_without_scripts_brings_files_once_to_where_they_are_read(as_: As, team: Team) -> None:
    first, second = volumes({"app:1": ONE, "all:2": INDEX}, 2)
    answer = send(as_("developer"), first, second)
    assert answer.status_code == 302
    rows = BundleUpload.objects.order_by("file_name")
    assert [path_of(row.pk).read_bytes() for row in rows] == [first, second]
    assert all(row.is_complete for row in rows)
    page = as_("developer").get(answer["Location"]).content.decode()
    assert "app:1" in page
    assert "linux/arm64" in page


def test_a_form_without_a_file_or_without_room_says_so(as_: As, team: Team) -> None:
    assert as_("developer").post(PAGE, {}).status_code == 422
    assert send(as_("developer"), b"").status_code == 422
    Project.objects.filter(pk=team.project.pk).update(quota_bytes=10)
    answer = send(as_("developer"), layout({"app:1": ONE}))
    assert answer.status_code == 422
    assert "can hold 10 bytes" in answer.content.decode()
    assert not BundleUpload.objects.exists()


class Broken(io.BytesIO):
    """A body whose sender goes away after ``most`` bytes."""

    def __init__(self, body: bytes, most: int) -> None:
        super().__init__(body[:most])

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(size)
        if not piece:
            raise OSError("the line broke")
        return piece


def test_of_a_form_that_breaks_off_nothing_is_left(as_: As, team: Team, tmp_path: Path) -> None:
    client = as_("developer")
    files = [SimpleUploadedFile("a.tar", b"a" * 1000), SimpleUploadedFile("b.tar", b"b" * 9_000_000)]
    body = encode_multipart(BOUNDARY, {"files": files})
    client.raise_request_exception = False
    told: dict[str, Any] = {
        "CONTENT_TYPE": MULTIPART_CONTENT,
        "CONTENT_LENGTH": len(body),
        "wsgi.input": Broken(body, 5_000_000),
    }
    answer = client.generic("POST", PAGE, **told)
    assert answer.status_code >= 400
    assert not BundleUpload.objects.exists()
    assert list((tmp_path / "uploads").iterdir()) == []


def test_a_form_that_is_not_ours_leaves_no_file(team: Team, tmp_path: Path) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(team.users["developer"])
    client.get(PAGE)  # A cookie with the secret, so that the form is read for its token.
    assert send(client, layout({"app:1": ONE})).status_code == 403
    assert not BundleUpload.objects.exists()


def test_a_file_that_stops_in_the_middle_for_lack_of_room_is_deleted(
    as_: As, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, count = uploads.receive, 0

    def full(**given: Any) -> BundleUpload:
        nonlocal count
        count += 1
        if count == 2:
            raise ApplicationError("no_space", "The portal's disk has no room for this file.")
        return real(**given)

    monkeypatch.setattr(uploads, "receive", full)
    answer = send(as_("developer"), b"a" * 5_000_000)
    assert answer.status_code == 422
    assert "no room for this file" in answer.content.decode()
    assert not BundleUpload.objects.exists()


def test_several_files_of_a_form_need_the_room_of_one_body(as_: As, team: Team) -> None:
    Project.objects.filter(pk=team.project.pk).update(quota_bytes=3_100_000)
    answer = send(as_("developer"), *[bytes([number]) * 1_000_000 for number in range(3)])
    assert answer.status_code == 302, answer.content
    assert [row.length for row in BundleUpload.objects.all()] == [1_000_000] * 3


def test_a_form_from_elsewhere_is_refused(team: Team) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(team.users["developer"])
    assert send(client, layout({"app:1": ONE})).status_code == 403


def test_the_plan_says_what_is_here_and_the_chosen_images_are_imported(as_: As, team: Team) -> None:
    client = as_("developer")
    send(client, layout({"app:1": ONE, "all:2": INDEX, "new:1": ONE}))
    upload = BundleUpload.objects.get()
    Image.objects.create(project=team.project, repository="app", tag="1", digest=ONE.digest, size=1)
    Image.objects.create(project=team.project, repository="all", tag="2", digest=ONE.digest, size=1)
    page = look(client, upload.pk).content.decode()
    for words in ("Already here", "Replaces another image", "New"):
        assert words in page
    assert 'value="app:1">' in page
    assert 'value="new:1" checked>' in page
    body = {"upload": upload.pk, "image": ["new:1", "all:2"], "target_prefix": "site-b", "overwrite": "on"}
    answer = client.post(PAGE + "start/", body)
    assert answer["Location"] == f"/projects/team/batches/{ImportBatch.objects.get().pk}/"
    assert {task.target_name for task in ImportTask.objects.all()} == {"site-b/new", "site-b/all"}


def test_what_is_wrong_stands_on_the_page(as_: As, team: Team) -> None:
    client = as_("developer")
    send(client, b"hello" * 300)
    upload = BundleUpload.objects.get()
    page = look(client, upload.pk)
    assert page.status_code == 422
    assert "isn&#x27;t a tar file" in page.content.decode()
    send(client, layout({"app:1": ONE}))
    good = BundleUpload.objects.exclude(pk=upload.pk).get()
    for body, words in (
        ({}, "Choose at least one image."),
        ({"image": "app:1", "target_prefix": "NO"}, "lowercase"),
        ({"image": "none:1"}, "has no image none:1"),
    ):
        answer = client.post(PAGE + "start/", {"upload": good.pk, **body})
        assert answer.status_code == 422
        assert words in answer.content.decode()
    assert not ImportTask.objects.exists()
    assert look(client)["Location"] == PAGE
    assert look(client, "x").status_code == 404


def test_files_are_listed_and_deleted(as_: As, team: Team) -> None:
    half = uploads.create(project=team.project, user=None, length=2_000_000, file_name="half.tar")
    client = as_("developer")
    page = client.get(PAGE).content.decode()
    assert "half.tar" in page
    assert f'value="{half.pk}"' not in page, "what has not come is not chosen"
    assert client.post(f"{PAGE}{half.pk}/delete/").status_code == 302
    assert not BundleUpload.objects.exists()
