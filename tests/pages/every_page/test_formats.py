"""Sizes, times, digests and long names, as every page shows them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.utils import translation

from projects.templatetags import portal

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (None, "0 B"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (100 * 1024, "100 KiB"),
        (1023.6 * 1024, "1.0 MiB"),
        (50 * MIB, "50.0 MiB"),
        (1400 * MIB, "1.4 GiB"),
        (3 * MIB * MIB, "3.0 TiB"),
    ],
)
def test_sizes_are_binary_with_three_digits(number: float | None, shown: str) -> None:
    assert portal.size(number) == shown


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (0, "0 s", "0 秒"),
        (59.6, "1 min 0 s", "1 分 0 秒"),
        (200, "3 min 20 s", "3 分 20 秒"),
        (3700, "1 h 1 min", "1 小时 1 分"),
        (90000, "1 d 1 h", "1 天 1 小时"),
    ],
)
def test_spans_of_time_have_their_two_largest_units(seconds: float, english: str, chinese: str) -> None:
    with translation.override("en"):
        assert portal.duration(seconds) == english
    with translation.override("zh-hans"):
        assert portal.duration(seconds) == chinese


def test_exact_times_follow_the_language() -> None:
    moment = datetime(2026, 11, 24, 15, 4, tzinfo=UTC)
    with translation.override("en"):
        assert portal.exact(moment) == "24 Nov 2026 15:04"
    with translation.override("zh-hans"):
        assert portal.exact(moment) == "2026年11月24日 15:04"


def test_relative_times_carry_the_exact_one() -> None:
    html = portal.when(datetime(2026, 11, 24, 15, 4, tzinfo=UTC))
    assert 'datetime="2026-11-24T15:04:00+00:00"' in html
    assert "15:04 UTC" in html
    assert portal.when(None) == "–"


def test_long_names_are_shortened_in_the_middle_and_whole_on_hover() -> None:
    name = "registry.example.com/team/" + "x" * 60 + "/service:v1"
    html = portal.long(name, 40)
    assert f'title="{name}"' in html
    assert "…" in html
    assert html.count(name) == 2
    assert "…" not in portal.long("short", 40)


def test_names_with_markup_are_escaped() -> None:
    assert "<b>" not in portal.long("<b>" + "x" * 60, 20)
    assert portal.breakable("team/<b>-x") == "team/&lt;b&gt;-<wbr>x"


def test_digests_keep_their_algorithm() -> None:
    assert portal.short_digest("sha256:" + "a" * 64) == "sha256:" + "a" * 12
    assert portal.short_digest("abc") == "abc"
