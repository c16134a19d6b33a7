"""Moments from outside are compared in UTC, or refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from accounts.moments import in_utc


def test_a_moment_is_the_same_one_in_utc() -> None:
    found = in_utc(datetime.fromisoformat("2026-01-01T00:30:00+05:00"))
    assert (found.isoformat(), found.tzinfo) == ("2025-12-31T19:30:00+00:00", UTC)


@pytest.mark.parametrize(
    "text", ["2026-01-01T00:00:00", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"]
)
def test_without_a_zone_or_a_year_in_utc_it_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        in_utc(datetime.fromisoformat(text))
