"""A password of PostgreSQL is in a file and in no URL."""

from __future__ import annotations

import pytest

from stack.pgpass import split


@pytest.mark.parametrize(
    ("url", "bare", "line"),
    [
        ("postgres://u:p@h:5433/d?sslmode=require", "postgresql://u@h:5433/d?sslmode=require", "*:*:*:*:p"),
        ("psql://u:a%3Ab%5Cc%40d@h/d", "postgresql://u@h/d", r"*:*:*:*:a\:b\\c@d"),
        ("postgresql://h/d", "postgresql://h/d", "*:*:*:*:"),
    ],
)
def test_a_password_goes_from_the_url_into_the_file(url: str, bare: str, line: str) -> None:
    assert split(url) == (bare, line)
