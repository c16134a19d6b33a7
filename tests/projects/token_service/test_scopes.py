"""Scopes as clients write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projects.token_service.scopes import MAX_SCOPES, parse_scopes, split_repository
from projects.token_service.tokens import Access


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (["repository:a/b:pull"], [Access("repository", "a/b", ("pull",))]),
        (["repository:a/b:pull,push"], [Access("repository", "a/b", ("pull", "push"))]),
        (["repository:a/b:pull repository:c/d:push"],
         [Access("repository", "a/b", ("pull",)), Access("repository", "c/d", ("push",))]),
        (["repository:a/b:pull", "repository:a/b:push,pull"], [Access("repository", "a/b", ("pull", "push"))]),
        (["repository:host:5000/a:pull"], [Access("repository", "host:5000/a", ("pull",))]),
        (["repository(plugin):a/b:pull"], [Access("repository(plugin)", "a/b", ("pull",))]),
        (["registry:catalog:*"], [Access("registry", "catalog", ("*",))]),
        (["repository:a/b:"], [Access("repository", "a/b", ())]),
        (["repository:a/b:pull,,PUSH,\u0430"], [Access("repository", "a/b", ("pull",))]),
        ([""], []), (["repository"], []), (["repository:a"], []), (["::"], []), (["Repository:a/b:pull"], []),
        (["repository:" + "a" * 300 + ":pull"], []),
    ],
)  # fmt: skip
def test_scopes_are_read(texts: list[str], found: list[Access]) -> None:
    assert parse_scopes(texts) == found


def test_a_flood_of_scopes_is_cut_off() -> None:
    assert len(parse_scopes([f"repository:a/b{number}:pull" for number in range(500)])) == MAX_SCOPES


@given(st.lists(st.text(max_size=60), max_size=5))
def test_no_text_breaks_the_reading(texts: list[str]) -> None:
    parse_scopes(texts)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("team/app", ("team", "app")),
        ("team/deep/er/app", ("team", "deep/er/app")),
        ("app", None), ("/app", None), ("team/", None), ("team//app", None), ("../team/app", None),
        ("team/../other/app", None), ("Team/app", None), ("team/app:1", None), ("team/app\n", None), ("", None),
    ],
)  # fmt: skip
def test_a_repository_is_in_one_project(name: str, found: tuple[str, str] | None) -> None:
    assert split_repository(name) == found
