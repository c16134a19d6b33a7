"""Positions of pages as texts."""

from __future__ import annotations

import base64

import pytest

from accounts.keyset import MAX_CHARS, decode, encode


def text_of(raw: str) -> str:
    return base64.urlsafe_b64encode(raw.encode()).decode()


def test_values_come_back_as_they_were() -> None:
    values: list[str | int | float | bool | None] = [True, "2026-01-01T00:00:00+00:00", 7, 1.5, None, "ünï"]
    assert decode(encode(values)) == values


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "é",
        text_of("{}"),
        text_of('"text"'),
        text_of("[[1]]"),
        text_of("[{}]"),
        text_of("[" * (MAX_CHARS // 2)),
        "A" * (MAX_CHARS + 4),
    ],
)
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        decode(text)
