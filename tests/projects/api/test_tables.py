"""Cells that no spreadsheet calculates."""

from __future__ import annotations

import pytest

from projects.api.tables import neutral

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠x", "|x", "%x"],
)
def test_what_a_spreadsheet_would_calculate_is_text(cell: str) -> None:
    assert neutral(cell) == f"'{cell}"


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        ("nginx:1", "nginx:1"),
        (-5, "-5"),
        (True, "true"),
        ("a\x00b\x1b[31m", "ab[31m"),
        ({"a": "ü"}, '{"a": "ü"}'),
    ],
)
def test_everything_else_stays_as_it_is(value: object, cell: str) -> None:
    assert neutral(value) == cell
