"""Globs over names."""

from __future__ import annotations

import pytest

from imageimport.policy.globs import matches


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("docker.io/library/nginx", "docker.io/library/nginx", True),
        ("docker.io/library/nginx", "docker.io/library/nginx2", False),
        ("docker.io/library/*", "docker.io/library/nginx", True),
        ("docker.io/*", "docker.io/library/nginx", True),
        ("docker.io/*", "dockerxio/library/nginx", False),
        ("*/nginx", "docker.io/library/nginx", True),
        ("*/nginx", "docker.io/library/nginx/more", False),
        ("ghcr.io/*/app", "ghcr.io/a/b/app", True),
        ("ghcr.io/*/app", "ghcr.io/app", False),
        ("*a*a*", "banana", True),
        ("*ab", "abab", True),
        ("a*ab", "ab", False),
        ("**", "", True),
        ("1.2?", "1.25", True),
        ("1.2?", "1.2", False),
        ("[ab]", "a", False),
        ("[ab]", "[ab]", True),
        ("a|b", "a", False),
        ("", "a", False),
    ],
)
def test_a_glob_fits_the_whole_text_and_knows_only_star_and_question_mark(
    pattern: str, text: str, fits: bool
) -> None:
    assert matches([pattern], text) is fits


def test_several_patterns_fit_where_one_does_and_none_fit_everything() -> None:
    assert matches(["a", "b*"], "bc")
    assert not matches(["a", "b*"], "c")
    assert matches([], "anything")


def test_no_pattern_takes_longer_than_its_length_times_the_text() -> None:
    """With backtracking this would take longer than the universe is old."""
    assert not matches(["*a" * 100 + "b"], "a" * 4000)
