"""Versions in tags, and ranges over them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.exceptions import ApplicationError
from projects.tags.semver import Version, parse_range, parse_version

TAGS = [
    "1", "1.2", "1.2.0", "v1.3.4", "1.9.9", "2.0.0", "2.0.0-rc.1", "2.0.0-rc.2", "1.5.0-alpine", "1.3.0_b1", "3",
    "latest", "20240102", "1234567", "1.2.3.4", "1.02.3", "stable-1.2",
]  # fmt: skip


def chosen(text: str) -> list[str]:
    found = parse_range(text)
    return [tag for tag in TAGS if (version := parse_version(tag)) and found.holds(version)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (">=1.2 <2", "1.2 1.2.0 v1.3.4 1.9.9 1.3.0_b1"),
        (">=1.2, <2", "1.2 1.2.0 v1.3.4 1.9.9 1.3.0_b1"),
        (">= 1.2 < 2", "1.2 1.2.0 v1.3.4 1.9.9 1.3.0_b1"),
        ("^1.2", "1.2 1.2.0 v1.3.4 1.9.9 1.3.0_b1"),
        ("~1.2", "1.2 1.2.0"),
        ("1.x", "1 1.2 1.2.0 v1.3.4 1.9.9 1.3.0_b1"),
        ("1.2", "1.2 1.2.0"),
        ("=1.2.0", "1.2 1.2.0"),
        ("*", "1 1.2 1.2.0 v1.3.4 1.9.9 2.0.0 1.3.0_b1 3"),
        ("1.2 - 1.3", "1.2 1.2.0 v1.3.4 1.3.0_b1"),
        (">1.2", "v1.3.4 1.9.9 2.0.0 1.3.0_b1 3"),
        ("<=1.3", "1 1.2 1.2.0 v1.3.4 1.3.0_b1"),
        ("<1.2 || >=3", "1 3"),
        (">=2.0.0-rc.2", "2.0.0 2.0.0-rc.2 3"),
        (">=1.5.0-alpine <1.5.0", "1.5.0-alpine"),
        ("^0.2.3", ""),
    ],
)
def test_a_range_holds_what_npms_would(text: str, expected: str) -> None:
    assert sorted(chosen(text)) == sorted(expected.split())


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [("^0.2.3", "0.2.9", "0.3.0"), ("^0.0.3", "0.0.3", "0.0.4"), ("^0", "0.9.9", "1.0.0")],
)
def test_a_caret_holds_the_first_part_that_is_not_zero(text: str, inside: str, outside: str) -> None:
    found = parse_range(text)
    assert [found.holds(parse_version(each) or Version(99)) for each in (inside, outside)] == [True, False]


def test_a_prerelease_is_only_in_a_range_that_names_one_of_its_version() -> None:
    early = Version(2, 0, 0, ("rc", "1"))
    assert not parse_range(">=1 <3").holds(early)
    assert not parse_range(">=1.0.0-rc.0 <3").holds(early)
    assert parse_range(">=2.0.0-alpha").holds(early)


def test_the_order_is_semvers() -> None:
    early = "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1"
    written = f"{early} 1.0.0 1.0.1 1.10.0"
    keys = [version.key for text in written.split() if (version := parse_version(text))]
    assert len(keys) == 10
    assert all(low < high for low, high in itertools.pairwise(keys))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ">=",
        ">=a",
        ">=1.2 <",
        "1.2-",
        "1..2",
        "|| 1",
        "^",
        "1.2.3.4",
        "x" * 200,
        " ".join(["1"] * 33),
        "1-rc",
    ],
)
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ApplicationError):
        parse_range(text)


@pytest.mark.parametrize(
    "tag", ["20240102", "1234567", "1.2.3.4", "1.02.3", "latest", "", "1-alpine", "1.2.3-", "１.2"]
)
def test_dates_hashes_and_words_are_no_versions(tag: str) -> None:
    assert parse_version(tag) is None


@given(st.text(max_size=40))
def test_nothing_that_is_written_breaks_the_parsers(text: str) -> None:
    parse_version(text)
    try:
        parse_range(text)
    except ApplicationError:
        return
