"""What is kept of the ways to a registry: how fast, and why not."""

from __future__ import annotations

from typing import Any

import pytest

from imageimport.models import SourceWay
from imageimport.registries import ways
from imageimport.sources import services
from oci.errors import OciError
from tests.support.people import Team, call

pytestmark = pytest.mark.django_db


@pytest.fixture
def headers() -> dict[str, str]:
    return Team.make().bearer("superuser")


def test_speed_is_told_of_ways_that_moved_enough(headers: dict[str, str], settings: Any) -> None:
    settings.IMPORT_PRIVATE_SOURCES, settings.IMPORT_INSECURE_SOURCES = [], []
    services.create(user=None, pattern="ghcr.io", proxy="http://p.example:3128")
    ways.note_speed("ghcr.io", "p.example:3128", moved=10_000_000, seconds=4)
    ways.note_speed("ghcr.io", "p.example:3128", moved=10, seconds=1)
    ways.note_error("ghcr.io", "p.example:3128", OciError("not_found", "x"))
    (rule,) = call("GET", "/sources", None, headers).json()["results"]
    (way,) = rule["ways"]
    assert (way["speed"], way["error_code"], way["error"]) == (2_500_000, "", "")


@pytest.mark.parametrize(
    "code", ["refused_by_rule", "approval_outdated", "signature_missing", "signature_invalid"]
)
def test_what_a_rule_refuses_is_no_fault_of_a_way(code: str) -> None:
    ways.note_error("ghcr.io", "", OciError(code, "x"))
    assert not SourceWay.objects.exists()
