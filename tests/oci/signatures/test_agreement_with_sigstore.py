"""``@sigstore/verify`` agrees on each signature of the corpus: what it said is kept, so no test needs Node."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.oci.signatures.second_opinion import (
    CASES,
    GOOD,
    SAID,
    STRICTER,
    disagree,
    fingerprint,
    is_the_same_in_each_run,
    ours,
)

KEPT: dict[str, dict[str, Any]] = json.loads(SAID.read_text(encoding="utf-8"))


def test_it_was_asked_about_every_case_that_is_the_same_in_each_run() -> None:
    asked = {name: fingerprint(CASES[name]) for name in CASES if is_the_same_in_each_run(name)}
    assert {name: said["of"] for name, said in KEPT.items()} == asked, (
        "python -m tests.oci.signatures.second_opinion"
    )
    assert len(asked) > 70


@pytest.mark.parametrize("name", sorted(KEPT))
def test_it_agrees_with_us(name: str) -> None:
    assert disagree(name, KEPT[name]["taken"]) == (name in STRICTER)


def test_it_takes_every_good_one_and_nothing_that_we_take_is_refused_by_it() -> None:
    assert [name for name in GOOD if not ours(GOOD[name])] == []
    assert [name for name in KEPT if ours(CASES[name]) and not KEPT[name]["taken"]] == []
