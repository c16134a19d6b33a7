"""Globs say exactly what an expression says, or nothing is said: no file takes more tags here than elsewhere."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal_client.foreign import patterns
from projects.tags.tag_rules import parse_rule

ATOMS = st.sampled_from(
    [
        "a",
        "1",
        "-",
        r"\.",
        ".",
        ".*",
        ".+",
        "[12]",
        "[^a]",
        r"\d",
        "b?",
        "(x|1.)",
        "(?:v)?",
        "c{2}",
        "1+",
        "$",
    ]
)
TAGS = st.text("ab12.-vxc", min_size=1, max_size=6)


@given(
    st.lists(ATOMS, min_size=1, max_size=5).map("".join),
    st.lists(TAGS, min_size=1, max_size=20),
    st.booleans(),
)
def test_globs_match_what_the_expression_matches_and_nothing_else(
    regex: str, tags: list[str], anchored: bool
) -> None:
    try:
        globs = patterns.globs_of(regex, anchored=anchored, to_leave_out=True)
    except patterns.Inexact:
        return
    for tag in tags:
        wanted = re.fullmatch(regex, tag) if anchored else re.search(regex, tag)
        assert any(fnmatchcase(tag, glob) for glob in globs) == bool(wanted), (regex, globs, tag)


@pytest.mark.parametrize(
    ("regex", "globs"),
    [
        ("3.9", ["3.9"]),
        (r"v1\.2\..*", ["v1.2.*"]),
        ("(latest|edge)", ["latest", "edge"]),
        (r"^1\.\d$", ["1.[0-9]"]),
        ("[0-9]{4}-rc?", ["[0-9][0-9][0-9][0-9]-r", "[0-9][0-9][0-9][0-9]-rc"]),
    ],
)
def test_common_expressions_become_rules_that_the_portal_takes(regex: str, globs: list[str]) -> None:
    found = patterns.globs_of(regex, anchored=True)
    assert found == globs
    for glob in found:
        parse_rule(glob)


@pytest.mark.parametrize(
    "regex", [r"\d+", "a*", "(?=x)y", "(a", "a)", "[a", r"\S", "a{1,3}", "(a|b|c|d)" * 4, "x" * 3 + "+"]
)
def test_what_globs_cannot_say_is_not_said(regex: str) -> None:
    with pytest.raises(patterns.Inexact):
        patterns.globs_of(regex, anchored=True)


@pytest.mark.parametrize(
    ("interval", "cron", "exact"),
    [
        ("60m", "0 * * * *", True),
        ("15m", "*/15 * * * *", True),
        ("6h", "0 */6 * * *", True),
        ("24h", "0 0 * * *", True),
        ("90m", "0 * * * *", False),
        ("30s", "* * * * *", False),
        ("168h", "0 0 * * *", False),
    ],
)
def test_an_interval_becomes_the_nearest_cron_line_that_is_not_rarer(
    interval: str, cron: str, exact: bool
) -> None:
    assert patterns.cron_of(interval) == (cron, exact)


@pytest.mark.parametrize("text", ["", "soon", "5", "-1h", "0m"])
def test_what_is_no_interval_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        patterns.cron_of(text)
