"""The list of defences fits the code: whoever moves one moves its entry along."""

from __future__ import annotations

import pytest

from scripts.mutations import Defence, defences
from stack.paths import ROOT

ALL = defences()


@pytest.mark.parametrize("defence", ALL, ids=[each.name for each in ALL])
def test_each_defence_stands_where_the_list_says(defence: Defence) -> None:
    whole = (ROOT / defence.path).read_text(encoding="utf-8")
    without = defence.taken_out(whole)
    compile(without, defence.path, "exec")
    assert without != whole
    for test in defence.tests:
        path, _, name = test.partition("::")
        assert (ROOT / path).exists()
        assert not name or f"def {name}(" in (ROOT / path).read_text(encoding="utf-8")


def test_no_two_have_one_name() -> None:
    assert len({each.name for each in ALL}) == len(ALL)
