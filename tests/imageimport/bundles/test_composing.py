"""What one bundle can hold."""

from __future__ import annotations

import pytest

from imageimport.bundles import composing, uploads
from imageimport.models import Bundle
from oci import limits
from oci.layout.index_writer import front
from testbed.images import random_image
from tests.imageimport.bundles.conftest import Giving

pytestmark = pytest.mark.django_db


def test_too_much_for_one_bundle_is_told_before_it_is_made(
    giving: Giving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(composing, "MAX_ENTRIES", 3)
    answer = giving.make("multi:1")
    assert (answer.status_code, answer.json()["code"]) == (409, "bundle_too_large")
    assert "more than 3 blobs" in answer.json()["detail"]
    assert not Bundle.objects.exists()


def test_more_volumes_than_an_import_takes_are_refused_before_a_bundle_is_made(
    giving: Giving, monkeypatch: pytest.MonkeyPatch
) -> None:
    giving.own.push(f"{giving.team.project.name}/large", "1", random_image([900_000] * 3, seed=9))
    monkeypatch.setattr(composing, "ARCHIVE_VOLUMES", 2)
    answer = giving.make("large:1", volume_bytes=1024 * 1024)
    assert (answer.status_code, answer.json()["code"]) == (409, "bundle_too_large")
    assert "more than 2 volumes" in answer.json()["detail"]
    assert not Bundle.objects.exists()
    monkeypatch.setattr(composing, "ARCHIVE_VOLUMES", 3)
    assert len(giving.make("large:1", volume_bytes=1024 * 1024).json()["volumes"]) == 3


def test_what_a_bundle_may_have_at_most_is_read_where_it_is_imported() -> None:
    assert composing.MAX_ENTRIES + len(front('{"annotations":{}}', 1, 1)) == limits.ARCHIVE_MEMBERS
    assert uploads.MAX_UPLOADS == limits.ARCHIVE_VOLUMES
