"""Dates that registries tell are read, and whatever else they say is none."""

from __future__ import annotations

import datetime as dt

import pytest

from oci.registry.moments import of_http, of_iso, of_milliseconds

MOMENT = dt.datetime(2026, 11, 26, 22, 40, 5, tzinfo=dt.UTC)


def test_each_way_of_writing_says_the_moment() -> None:
    assert of_http("Thu, 26 Nov 2026 22:40:05 GMT") == MOMENT
    assert of_iso("2026-11-26T23:40:05.000000999+01:00") == MOMENT
    assert of_milliseconds(str(int(MOMENT.timestamp()) * 1000)) == MOMENT


@pytest.mark.parametrize(
    "text", [None, "", "yesterday", "Thu, 99 Nov 2026 22:40:05 GMT", "Thu, 26 Nov 2026 22:40:05"]
)
def test_no_date_of_a_header(text: str | None) -> None:
    assert of_http(text) is None


@pytest.mark.parametrize(
    "text",
    [None, 5, "", "now", "2026-11-26T22:40:05", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"],
)
def test_no_moment_of_iso_8601(text: object) -> None:
    assert of_iso(text) is None


@pytest.mark.parametrize("text", [None, 5, "", "-1", "1.5", "٣", "9" * 15, "9" * 400])
def test_no_milliseconds(text: object) -> None:
    assert of_milliseconds(text) is None
