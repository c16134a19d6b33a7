"""Bytes a second as people write them."""

from __future__ import annotations

import pytest

from projects.bandwidth import parse_amount


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("20MB", 20_000_000),
        ("20MiB", 20 * 2**20),
        ("1.5 GB/s", 1_500_000_000),
        ("512KiB", 2**19),
        ("1000", 1000),
    ],
)
def test_amounts_are_read_as_people_write_them(text: str, count: int) -> None:
    assert parse_amount(text) == count


@pytest.mark.parametrize("text", ["", "0", "-1MB", "20mb", "20 bananas", "0.0001B", "1e9"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_amount(text)
