"""Whether two lists of rules can ever want the same tag."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.exceptions import ApplicationError
from imageimport.schedules.tag_sets import common_tag
from projects.tags.tag_rules import TagRules


def rules(text: str) -> TagRules:
    """``a b -c``: a and b, without c; ``_`` stands for the space in a range."""
    words = [
        word.replace("_", " ") if word.lstrip("~").startswith("semver") else word for word in text.split()
    ]
    return TagRules(
        [word for word in words if not word.startswith("~")],
        [word[1:] for word in words if word.startswith("~")],
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1.0", "1.1"),
        ("1.0", "1.* ~1.0"),
        ("1.*", "2.*"),
        ("*-alpine", "*-slim"),
        ("1.* ~1.*-alpine", "1.*-alpine"),
        ("* ~1.*", "1.2* 1.3*"),
        ("* ~1.* ~2.*", "[12].[0-9]*"),
        ("v?", "v??"),
        ("[a-c]x*", "[d-f]x*"),
        ("[!a]*", "a*"),
        ("semver:>=1.2_<2", "semver:>=2_<3"),
        ("semver:^1.4", "semver:1.3.x"),
        ("semver:>=1.2", "latest"),
        ("semver:>=1.2", "1.1"),
        ("semver:>=1.2", "nightly-* edge*"),
        ("semver:>=1.2 ~2.0", "2.0"),
        ("semver:>=1.2 ~*-alpine", "*-alpine"),
        (".*", "*"),
    ],
)
def test_what_is_provably_apart_is_apart(one: str, other: str) -> None:
    assert common_tag(rules(one), rules(other)) is None
    assert common_tag(rules(other), rules(one)) is None


@pytest.mark.parametrize(
    ("one", "other", "tag"),
    [
        ("1.0", "1.0", "1.0"),
        ("1.0", "1.*", "1.0"),
        ("1.*", "*-alpine", "1.-alpine"),
        ("1.2*", "1.*", "1.2"),
        ("*", "*", "a"),
        ("* ~1.*", "1* ~1.*", "1"),
        ("semver:>=1.2", "1.4.2", "1.4.2"),
        ("semver:>=1.2", "1.*", ""),
        ("semver:>=1.2", "semver:<2", ""),
        ("semver:>=1.2 ~semver:>=1.3", "semver:>=1.3", ""),
        ("[ab]c", "?c", "ac"),
    ],
)
def test_what_may_meet_is_told_with_a_tag_where_one_is_known(one: str, other: str, tag: str) -> None:
    assert common_tag(rules(one), rules(other)) == tag
    assert common_tag(rules(other), rules(one)) is not None


PIECES = st.sampled_from(["a", "b", "1", ".", "-", "*", "?", "[ab]", "[!a]", "[0-9]"])
GLOBS = st.lists(PIECES, min_size=1, max_size=5).map("".join)
SIDES = st.tuples(st.lists(GLOBS, min_size=1, max_size=3), st.lists(GLOBS, max_size=2))
TAGS = st.text("ab1.-", min_size=1, max_size=6).filter(lambda tag: tag[0] not in ".-")


def read(side: tuple[list[str], list[str]]) -> TagRules | None:
    try:
        return TagRules(*side)
    except ApplicationError:
        return None


@settings(max_examples=300, deadline=None)
@given(SIDES, SIDES, st.lists(TAGS, max_size=30))
def test_no_tag_that_both_want_is_ever_missed(
    one: tuple[list[str], list[str]], other: tuple[list[str], list[str]], tags: list[str]
) -> None:
    mine, theirs = read(one), read(other)
    if mine is None or theirs is None:
        return
    found = common_tag(mine, theirs)
    if found is None:
        assert not [tag for tag in tags if mine.wants(tag) and theirs.wants(tag)]
    elif found:
        assert mine.wants(found)
        assert theirs.wants(found)


def test_rules_made_to_be_slow_are_given_up_in_time_and_count_as_meeting() -> None:
    hard = [f"*{letter}" + "?" * 60 + f"*{letter}*" for letter in "abcdefghijklmnopqrst"]
    other = [f"*{letter}" + "?" * 61 + "z*z" for letter in "ABCDEFGHIJKLMNOPQRST"]
    began = time.process_time()
    assert common_tag(TagRules(hard, other), TagRules(other, hard)) is not None
    assert time.process_time() - began < 5
