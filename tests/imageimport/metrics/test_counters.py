"""Counts are rows that are folded, and each is of its kind."""

from __future__ import annotations

from typing import Any

import pytest

from imageimport.choices import Status
from imageimport.metrics import counters
from imageimport.models import MetricCount
from tests.imageimport.metrics.ending import ended, numbers

pytestmark = pytest.mark.django_db


def test_bytes_are_counted_by_registry_moved_and_reused() -> None:
    ended(Status.SUCCESS, source_registry="ghcr.io")
    ended(Status.FAILED, code="source_error", source_registry="ghcr.io")
    found = numbers()
    assert found["portal_import_bytes_total", "kind=moved", "registry=ghcr.io"] == 1200
    assert found["portal_import_bytes_total", "kind=reused", "registry=ghcr.io"] == 800


def test_hosts_that_anyone_types_share_one_label(settings: Any) -> None:
    settings.IMPORT_REGISTRY_MIRRORS = {"mirrored.example": ["https://mirror.example"]}
    for host in (
        "a.example",
        "b.example:5000",
        "mirrored.example",
        "docker.io",
        settings.REGISTRY_PUBLIC_HOST,
    ):
        ended(Status.SUCCESS, source_registry=host)
    labels = {key[2] for key in numbers() if key[0] == "portal_import_bytes_total"}
    assert labels == {"registry=other", "registry=mirrored.example", "registry=docker.io", "registry=own"}


def test_folding_makes_rows_few_and_changes_no_number() -> None:
    for code in ("", "", "", "not_found"):
        ended(Status.FAILED if code else Status.SUCCESS, code=code)
    # Sums of fractions: in another order, or by a Python that adds more exactly, the last digit differs.
    before = pytest.approx({key: value for key, value in numbers().items() if "oldest" not in key[0]})
    rows = MetricCount.objects.count()
    assert counters.fold(at=rows) == 0
    assert counters.fold(at=2) > 0
    assert MetricCount.objects.count() < rows
    assert {key: value for key, value in numbers().items() if "oldest" not in key[0]} == before
    counters.fold(at=0)
    assert {key: value for key, value in numbers().items() if "oldest" not in key[0]} == before
