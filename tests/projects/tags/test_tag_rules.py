"""Which tags a schedule follows."""

from __future__ import annotations

import pytest

from accounts.exceptions import ApplicationError
from projects.tags.tag_rules import TagRules

LISTED = ["1.2.0", "1.2.1", "1.3.0", "1.3.0-alpine", "2.0.0", "latest", "edge"]


def chosen(rules: TagRules) -> list[str]:
    """As a run reads a repository whose tags are :data:`LISTED`: what is named, and what is wanted of the list."""
    return list(dict.fromkeys([*rules.exact, *filter(rules.wants, LISTED)]))


@pytest.mark.parametrize(
    ("tags", "exclude", "expected"),
    [
        (["latest", "edge"], [], ["latest", "edge"]),
        (["1.2*"], [], ["1.2.0", "1.2.1"]),
        (["*-alpine"], [], ["1.3.0-alpine"]),
        (["1.?.0"], [], ["1.2.0", "1.3.0"]),
        (["1.[!2].0"], [], ["1.3.0"]),
        (["semver:>=1.2 <2"], [], ["1.2.0", "1.2.1", "1.3.0"]),
        (["semver:>=1.2 <2", "latest"], ["1.2.1"], ["latest", "1.2.0", "1.3.0"]),
        (["*"], ["semver:*", "e*"], ["1.3.0-alpine", "latest"]),
        (["latest"], ["latest"], []),
    ],
)
def test_rules_choose_among_the_listed_tags(tags: list[str], exclude: list[str], expected: list[str]) -> None:
    assert chosen(TagRules(tags, exclude)) == expected


def test_an_exact_tag_is_wanted_whether_it_is_listed_or_not() -> None:
    assert chosen(TagRules(["gone", "1.2*"])) == ["gone", "1.2.0", "1.2.1"]


def test_only_exact_names_need_no_list() -> None:
    assert TagRules(["1.2", "latest"], ["e*"]).all_exact
    assert not TagRules(["1.2", "1.3*"]).all_exact
    assert not TagRules(["semver:1"]).all_exact


@pytest.mark.parametrize(
    "rule", ["", " ", "a b", "-x", "a/b", "x" * 129, "*" * 201, "semver:", "semver:x.y.z.w", "a*\x00", "ü*"]
)
def test_what_is_no_rule_is_refused(rule: str) -> None:
    with pytest.raises(ApplicationError):
        TagRules([rule])


def test_a_glob_with_many_stars_takes_no_time() -> None:
    assert not TagRules(["*a" * 60]).wants("a" * 100 + "b")
