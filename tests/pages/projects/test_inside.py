"""The pages of what is inside an image."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from oci.errors import OciError
from projects.contents import indexing, reading
from tests.pages.every_page.test_whole_pages import read
from tests.support.content.inside import SBOM, OneImage
from tests.support.people import Team

pytestmark = pytest.mark.django_db
As = Callable[..., Client]


@pytest.fixture
def address(team: Team, monkeypatch: pytest.MonkeyPatch) -> str:
    OneImage.answers(monkeypatch)
    return f"/projects/{team.project.name}/images/{team.image(repository='inside').pk}/"


def test_configuration_history_and_labels_are_shown_and_only_web_addresses_are_links(
    as_: As, address: str
) -> None:
    page = as_("viewer").get(f"{address}contents/").content.decode()
    assert "PATH" in page and "/bin" in page
    assert 'href="https://example.test/x" rel="noopener noreferrer nofollow"' in page
    assert "linux/amd64" in page


def test_packages_are_listed_searched_and_downloaded(as_: As, address: str) -> None:
    client = as_("viewer")
    page = client.get(f"{address}sboms/").content.decode()
    assert "openssl" in page and "Apache-2.0" in page and "zlib" in page
    found = client.get(f"{address}sboms/?search=zlib").content.decode()
    assert "3.0.1" not in found
    file: Any = client.get(f"{address}sboms/{SBOM}/file/")
    assert file["Content-Disposition"].startswith("attachment")
    b"".join(file.streaming_content)
    assert client.get(f"{address}sboms/sha256:0/file/").status_code == 404


def test_the_image_is_compared_with_a_digest(as_: As, address: str) -> None:
    client = as_("viewer")
    assert (
        "Both are the same image."
        in client.get(f"{address}compare/?with={OneImage.image.digest}").content.decode()
    )
    assert "no such image" in client.get(f"{address}compare/?with=x").content.decode()


@pytest.mark.parametrize("page", ["contents", "sboms", "compare"])
def test_a_registry_that_is_away_is_told_on_the_page(
    as_: As, address: str, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise OciError("unreachable", "%(host)s is away.", retryable=True, host="registry.test")

    monkeypatch.setattr(reading, "opened_repository", away)
    answer = as_("viewer").get(f"{address}{page}/?with=sha256:{'0' * 64}")
    assert answer.status_code == 200
    assert "registry.test is away." in answer.content.decode()


@pytest.mark.parametrize("passes", [True, False])
def test_a_page_that_waits_shows_what_failed_in_its_own_place_and_goes_on_if_that_passes(
    as_: As, address: str, passes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = as_("viewer").get(f"{address}files/").content.decode()
    (poll,) = re.findall(r"<div [^>]*every 2s[^>]*>", waiting)
    selected = re.findall(r'hx-select="#([a-z]+)"', poll)[0]
    assert f'id="{selected}"' in poll

    def failed(*_: object, **__: object) -> None:
        raise OciError("unreachable", "%(host)s is away.", retryable=passes, host="registry.test")

    monkeypatch.setattr(reading, "opened_repository", failed)
    page = as_("viewer").get(f"{address}files/").content.decode()
    assert "registry.test is away." in page.partition(f'id="{selected}"')[2]
    assert ("every 2s" in page) is passes


def image_id(address: str) -> UUID:
    return UUID(address.rstrip("/").rpartition("/")[2])


def test_files_are_shown_once_a_worker_has_read_them(as_: As, address: str) -> None:
    client = as_("viewer")
    waiting = client.get(f"{address}files/").content.decode()
    assert 'hx-trigger="every 2s"' in waiting
    assert "The layers are being read: 0 %" in waiting
    assert indexing.index_image(image_id(address), "", stop=lambda: False) == 1
    page = client.get(f"{address}files/").content.decode()
    assert "every 2s" not in page
    assert "0644" in page
    assert f"{address}files/content/?path=/file" in page
    answer = client.get(f"{address}files/content/?path=/file")
    assert answer.content == b"one"
    assert "sandbox" in answer["Content-Security-Policy"]
    gone = client.get(f"{address}files/content/?path=/nothing", follow=True)
    assert "The image has no such file." in gone.content.decode()
    assert "No file matches" in client.get(f"{address}files/?search=zzz").content.decode()
    assert "The image has no such path." in client.get(f"{address}files/?path=/zzz").content.decode()


#: Names of the configuration, and what the image says.
_TECHNICAL = {"OS/ARCH", "SPDX", "UID:GID", "linux/amd64", "team", "API", "Registry Portal"}


@pytest.mark.parametrize("page", ["contents/", "sboms/", "files/", "compare/?with=" + OneImage.image.digest])
def test_the_pages_are_chinese_and_their_fields_have_names(as_: As, address: str, page: str) -> None:
    indexing.index_image(image_id(address), "", stop=lambda: False)
    english = read(as_("viewer").get(address + page).content.decode())
    chinese = read(as_("viewer", language="zh-hans").get(address + page).content.decode())
    assert not chinese.nameless
    assert not chinese.inline
    assert len(chinese.ids) == len(set(chinese.ids))
    same = {text for text in chinese.texts if text in english.texts}
    # A name is one word in small letters; all else that is Latin is a sentence or a word of ours.
    left = {text for text in same if re.search(r"[A-Za-z]{3}", text) and re.search(r"[A-Z]|\s", text)}
    assert left <= _TECHNICAL | {"English", "Digest", "PATH"}
