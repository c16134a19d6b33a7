"""Files that come in pieces: what room they may take, and how long they stay."""

from __future__ import annotations

import datetime as dt
import errno
import random
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.exceptions import ApplicationError
from imageimport.bundles import uploads
from imageimport.models import BundleUpload
from imageimport.registries.archives import path_of
from projects.models import Project
from tests.imageimport.tus import CONTENT, TUS, begin, directory, project, send
from tests.support.factories import TaskFactory
from tests.support.people import Team

__all__ = ["directory", "project"]
pytestmark = pytest.mark.django_db


class Torn:
    """Gives ``content`` and then breaks."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def read(self, size: int, /) -> bytes:
        piece, self._content = self._content[:size], self._content[size:]
        if not piece:
            raise ConnectionResetError
        return piece


def test_what_came_before_a_line_broke_counts_and_is_gone_on_with(project: Project) -> None:
    upload = uploads.create(project=project, user=None, length=len(CONTENT), file_name="x.tar")
    chance, sent, pieces = random.Random(1), 0, 0
    while not upload.is_complete:
        rest = CONTENT[upload.offset :]
        came = rest[: chance.randrange(1, 40_000)]
        uploads.receive(upload=upload, offset=upload.offset, stream=Torn(came), length=len(rest))
        sent, pieces = sent + len(came), pieces + 1
        upload = BundleUpload.objects.get(pk=upload.pk)
    assert sent == len(CONTENT)
    assert pieces > 5
    assert path_of(upload.pk).read_bytes() == CONTENT


def test_two_requests_do_not_write_one_file(project: Project) -> None:
    upload = uploads.create(project=project, user=None, length=10, file_name="x.tar")

    class Nested:
        def read(self, size: int, /) -> bytes:
            with pytest.raises(ApplicationError) as caught:
                uploads.receive(upload=upload, offset=0, stream=Torn(b"b"), length=1)
            assert caught.value.code == "upload_busy"
            return b"a" * size

    uploads.receive(upload=upload, offset=0, stream=Nested(), length=10)
    assert path_of(upload.pk).read_bytes() == b"a" * 10


def test_uploads_count_against_the_quota_and_the_disk(
    api: APIClient, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    Project.objects.filter(pk=project.pk).update(quota_bytes=1000)
    assert begin(api, project, 600).status_code == 201
    answer = begin(api, project, 500)
    assert (answer.status_code, answer.json()["code"]) == (409, "quota_exceeded")
    Project.objects.filter(pk=project.pk).update(quota_bytes=None)
    leave(monkeypatch, uploads.RESERVE_BYTES + 6 * 2**20)
    assert begin(api, project, 2 * 2**20).status_code == 201
    answer = begin(api, project, 5 * 2**20)
    assert (answer.status_code, answer.json()["code"]) == (507, "no_space")
    leave(monkeypatch, 9 * 2**20, total=100 * 2**20)
    answer = begin(api, project, 3 * 2**20)
    assert (answer.status_code, answer.json()["code"]) == (507, "no_space"), (
        "a twentieth of a small disk is kept"
    )
    assert begin(api, project, 2 * 2**20 - 1000).status_code == 201


def leave(monkeypatch: pytest.MonkeyPatch, free: int, *, total: int = 2**40) -> None:
    """Bytes that the disk has."""
    usage = type("Usage", (), {"free": free, "total": total})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)


def test_what_one_project_announces_leaves_half_of_the_disk_to_the_others(
    api: APIClient, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(monkeypatch, uploads.RESERVE_BYTES + 100)
    others = [Team.make(f"other{number}").project for number in range(3)]
    assert begin(api, project, 100).status_code == 201
    assert begin(api, project, 1).status_code == 507
    for other in others:
        with pytest.raises(ApplicationError, match="no room"):
            uploads.create(project=other, user=None, length=51, file_name="a.tar")
        uploads.create(project=other, user=None, length=50, file_name="a.tar")


def test_a_piece_that_would_take_the_reserve_is_not_taken(
    api: APIClient, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = begin(api, project, 1000)["Location"]
    leave(monkeypatch, uploads.RESERVE_BYTES + 999)
    answer = send(api, place, 0, CONTENT[:1000])
    assert (answer.status_code, answer.json()["code"]) == (507, "no_space")
    assert api.head(place, headers=TUS)["Upload-Offset"] == "0"
    leave(monkeypatch, uploads.RESERVE_BYTES + 1000)
    assert send(api, place, 0, CONTENT[:1000]).status_code == 204


@pytest.mark.parametrize("moment", ["write", "flush", "fdatasync"])
def test_a_disk_that_is_full_in_the_middle_is_said_to_be_full(
    api: APIClient, project: Project, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    place = begin(api, project, 1000)["Location"]
    full = OSError(errno.ENOSPC if moment != "write" else errno.EDQUOT, "full")

    def refuse(*_: Any) -> Any:
        raise full

    real = Path.open

    class Full:
        """A file on a full disk, whose closing fails as well."""

        def __init__(self, file: Any) -> None:
            self._file = file

        def __getattr__(self, name: str) -> Any:
            return refuse if name == moment else getattr(self._file, name)

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None:
            self._file.close()
            if moment == "flush":
                refuse()

    with monkeypatch.context() as patched:
        if moment == "fdatasync":
            patched.setattr("os.fdatasync", refuse)
        else:
            patched.setattr(Path, "open", lambda path, mode="r": Full(real(path, mode)))
        answer = send(api, place, 0, CONTENT[:1000])
        assert (answer.status_code, answer.json()["code"]) == (507, "no_space")
    assert api.head(place, headers=TUS)["Upload-Offset"] == "0"
    assert send(api, place, 0, CONTENT[:1000]).status_code == 204


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\files\\my images.tar.gz", "my images.tar.gz"),
        ("a\nb\x00.tar", "a-b-.tar"),
        ("...", "upload.tar"),
        ("#?.tar", "tar"),
        ("镜像.tar", "镜像.tar"),
        ("x" * 300 + ".tar", "x" * 196 + ".tar"),
    ],
)
def test_names_of_files_are_names_and_no_paths(given: str, kept: str) -> None:
    assert uploads.clean_name(given) == kept


def test_uploads_expire_after_a_day_unless_an_import_reads_them(
    api: APIClient, project: Project, directory: Path
) -> None:
    place = begin(api, project)["Location"]
    old, used = BundleUpload.objects.get(), None
    begin(api, project)
    used = BundleUpload.objects.exclude(pk=old.pk).get()
    task = TaskFactory(project=project, uploads=[str(used.pk)], transport="bundle")
    later = timezone.now() + dt.timedelta(hours=25)
    BundleUpload.objects.update(expires_at=timezone.now() - dt.timedelta(seconds=1))
    assert api.head(place, headers=TUS).status_code == 410
    assert uploads.expire(later) == 1
    assert [path.name for path in directory.iterdir()] == [str(used.pk)]
    task.delete()
    Project.objects.filter(pk=project.pk).delete()
    assert uploads.expire(later) == 0
    assert list(directory.iterdir()) == [], "bytes of a project that is gone go, too"


@override_settings(UPLOAD_RETENTION_HOURS=2)
def test_the_time_that_they_stay_is_a_setting(project: Project) -> None:
    upload = uploads.create(project=project, user=None, length=1, file_name="x")
    left = (upload.expires_at - timezone.now()).total_seconds()
    assert 2 * 3600 - 60 < left <= 2 * 3600
