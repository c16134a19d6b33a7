"""What may be said of a bundle."""

from __future__ import annotations

from typing import Any

import pytest

from imageimport.models import Bundle
from tests.imageimport.bundles.conftest import Giving, giving, new_team, own

__all__ = ["giving", "new_team", "own"]
pytestmark = pytest.mark.django_db


def test_a_receipt_of_a_large_project_is_taken_and_one_beyond_the_bound_is_told_so(giving: Giving) -> None:
    receipt = {"digests": [f"sha256:{number:064x}" for number in range(100_000)]}
    made = giving.make("six:1", known=receipt)
    assert made.status_code == 201, made.content
    receipt["digests"] += [f"sha256:{number:064x}" for number in range(100_000, 200_001)]
    refused = giving.make("six:1", known=receipt)
    assert refused.status_code == 400
    assert refused.json() == {"known": ["This receipt lists more than 200000 digests."]}
    large = giving.make("six:1", known={"digests": ["x" * 17_000_000]})
    assert (large.status_code, large.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"images": ["nothing:1"]}, "images"),
        ({"images": ["../six:1"]}, "images"),
        ({"images": ["six"]}, "images"),
        ({"images": []}, "images"),
        ({"platforms": ["windows/amd64"]}, "images"),
        ({"platforms": ["amd64"]}, "platforms"),
        ({"volume_bytes": 1000}, "volume_bytes"),
        ({"known": "00000000-0000-7000-8000-000000000000"}, "known"),
        ({"known": {"digests": ["sha256:short"]}}, "known"),
        ({"known": ["sha256:" + "a" * 64]}, "known"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(giving: Giving, more: dict[str, Any], field: str) -> None:
    answer = giving.make("six:1", **more) if "images" not in more else giving.make(*more["images"])
    assert answer.status_code == 400
    assert list(answer.json()) == [field]
    assert not Bundle.objects.exists()
