"""``…/uploads`` by tus 1.0.0: begun, sent in pieces, resumed, checked, given up."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest
from rest_framework.test import APIClient

from imageimport.models import BundleUpload
from imageimport.registries.archives import path_of
from projects.models import AuditEvent, Project
from tests.imageimport.tus import CONTENT, TUS, begin, directory, project, send, where
from tests.support.factories import TaskFactory

__all__ = ["directory", "project"]
pytestmark = pytest.mark.django_db


def checksum(piece: bytes) -> str:
    return "sha256 " + base64.b64encode(hashlib.sha256(piece).digest()).decode()


def test_what_is_understood_is_told(api: APIClient, project: Project) -> None:
    answer = api.options(where(project))
    assert answer.status_code == 204
    assert answer["Tus-Version"] == "1.0.0"
    assert answer["Tus-Extension"] == "creation,termination,expiration,checksum"
    assert answer["Tus-Checksum-Algorithm"] == "sha256"


def test_a_file_comes_in_pieces_and_lies_where_it_is_read_from(
    api: APIClient, project: Project, directory: Path
) -> None:
    made = begin(api, project)
    assert made.status_code == 201
    assert made["Upload-Expires"].endswith("GMT")
    place = made["Location"]
    upload = BundleUpload.objects.get()
    assert place.endswith(f"/uploads/{upload.pk}")
    assert upload.file_name == "images.tar"
    for start in range(0, len(CONTENT), 100_000):
        piece = CONTENT[start : start + 100_000]
        answer = send(api, place, start, piece, Upload_Checksum=checksum(piece))
        assert answer.status_code == 204, answer.content
        assert answer["Upload-Offset"] == str(start + len(piece))
        assert answer["Tus-Resumable"] == "1.0.0"
    state = api.head(place, headers=TUS)
    assert (state["Upload-Offset"], state["Upload-Length"]) == (str(len(CONTENT)),) * 2
    assert state["Cache-Control"] == "no-store"
    assert (directory / str(upload.pk)).read_bytes() == CONTENT
    assert [each.name for each in directory.iterdir()] == [str(upload.pk)]


def test_a_piece_whose_checksum_is_wrong_leaves_no_trace(api: APIClient, project: Project) -> None:
    place = begin(api, project)["Location"]
    answer = send(api, place, 0, b"x" * 1000, Upload_Checksum=checksum(b"y"))
    assert (answer.status_code, answer.json()["code"]) == (460, "checksum_mismatch")
    assert api.head(place, headers=TUS)["Upload-Offset"] == "0"
    assert send(api, place, 0, CONTENT).status_code == 204
    assert path_of(BundleUpload.objects.get().pk).read_bytes() == CONTENT


def test_only_what_follows_what_is_here_is_taken(api: APIClient, project: Project) -> None:
    place = begin(api, project)["Location"]
    send(api, place, 0, CONTENT[:1000])
    for offset in (0, 999, 1001):
        answer = send(api, place, offset, b"z")
        assert (answer.status_code, answer.json()["code"]) == (409, "upload_offset")
        assert answer.json()["offset"] == 1000
    assert send(api, place, 1000, CONTENT[1000:] + b"z").status_code == 413
    assert api.head(place, headers=TUS)["Upload-Offset"] == "1000"


def test_a_piece_of_no_told_length_is_refused_and_one_of_nothing_changes_nothing(
    api: APIClient, project: Project
) -> None:
    place = begin(api, project)["Location"]
    headers = {**TUS, "Upload-Offset": "0", "Transfer-Encoding": "chunked"}
    chunked = api.patch(place, content_type="application/offset+octet-stream", headers=headers)
    assert (chunked.status_code, chunked.json()["code"]) == (411, "length_required")
    assert send(api, place, 0, b"", Content_Length="0").status_code == 204
    assert api.head(place, headers=TUS)["Upload-Offset"] == "0"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Tus-Resumable": "0.2.2"}, 412),
        ({"Tus-Resumable": ""}, 412),
        ({"Upload-Length": "0"}, 400),
        ({"Upload-Length": "-5"}, 400),
        ({"Upload-Length": "9" * 30}, 400),
        ({"Upload-Metadata": "filename ***"}, 400),
    ],
)
def test_headers_that_are_wrong_begin_nothing(
    api: APIClient, project: Project, headers: dict[str, str], status: int
) -> None:
    answer = api.post(where(project), headers={**TUS, "Upload-Length": "5", **headers})
    assert answer.status_code == status
    if status == 412:
        assert answer["Tus-Version"] == "1.0.0"
    assert not BundleUpload.objects.exists()


def test_an_upload_is_given_up_with_its_bytes_unless_an_import_reads_it(
    api: APIClient, project: Project, directory: Path
) -> None:
    place = begin(api, project)["Location"]
    upload = BundleUpload.objects.get()
    task = TaskFactory(project=project, uploads=[str(upload.pk)], transport="bundle")
    assert api.delete(place, headers=TUS).json()["code"] == "upload_in_use"
    task.delete()
    assert api.delete(place, headers=TUS).status_code == 204
    assert api.head(place, headers=TUS).status_code == 404
    assert list(directory.iterdir()) == []
    assert [event.action for event in AuditEvent.objects.order_by("id")][-2:] == [
        "upload.created",
        "upload.deleted",
    ]
