"""How a defence is taken out of code: by symbol, whatever the code's form and its names are."""

from __future__ import annotations

import ast

import pytest

from scripts.defences import Defence

CODE = '''
LIMITS = {"most": 5, "least": 1}
NAMES = ("a", "b")

class Rules:
    def check(self, value, host=None):
        """Judge it."""
        if value is None:
            raise ValueError
        if len(value) > LIMITS["most"] or not value.isascii():
            return False
        self.note(clean(value), host=host)
        return True if host else False
'''


def without(change: str) -> str:
    return Defence("it", f"oci.limits:{change}", []).taken_out(CODE)


@pytest.mark.parametrize(
    ("change", "gone", "there"),
    [
        ("Rules.check if 1/2: never", "if value is None:", "if False:"),
        ("Rules.check if 2/2: always", "if len(value)", "if True:"),
        ("Rules.check if 2/2: gone", "if len(value)", "self.note"),
        ("Rules.check if 2/2 > operand 1/2: gone", "len(value)", "if not value.isascii()"),
        ("Rules.check if 2/2: $ and host", "if len(value)", "not value.isascii()) and host:"),
        ("Rules.check return 1/2: True", "return False", "return True"),
        ("Rules.check do note: gone", "self.note", "return True if host"),
        ("Rules.check call clean: $1", "clean(value)", "self.note(value, host=host)"),
        ("Rules.check call note > keyword host: gone", "host=host", "self.note(clean(value))"),
        ("Rules.check call note > keyword host: $, more=1", "host=host)", "host=host, more=1)"),
        ("Rules.check call note > argument: 1 << 40", "clean(value)", "note(1 << 40, host=host)"),
        ("Rules.check choice: never", "True if host", "True if False else False"),
        ("Rules.check raise: return", "raise ValueError", "return"),
        ("Rules.check raise > before: if host:\n    return", "", "if host:\n                return"),
        ("Rules.check last: value = 1", "", "value = 1"),
        ("LIMITS value most: 10**9", "'most': 5", "'most': 10 ** 9"),
        ("LIMITS value most: gone", "'most': 5", "{'least': 1}"),
        ("NAMES row b: gone", "'b'", "('a',)"),
        ("NAMES: ()", "'a'", "NAMES = ()"),
    ],
)
def test_a_change_does_what_it_says(change: str, gone: str, there: str) -> None:
    changed = without(change)
    assert there in changed
    assert not gone or gone not in changed


def test_new_names_and_another_form_leave_an_entry_as_it_is() -> None:
    renamed = (
        CODE.replace("value", "text").replace("host", "place").replace("len(text) > ", "(len(text)) >\\\n ")
    )
    changed = Defence("it", "oci.limits:Rules.check if 2/2 > operand 1/2: gone", []).taken_out(renamed)
    assert "if not text.isascii()" in changed
    ast.parse(changed)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("Rules.gone if: never", "0 of 'gone'"),
        ("Rules.check if: never", "2 of 'if'"),
        ("Rules.check if 1/3: never", "2 of 'if 1/3'"),
        ("Rules.check do forget: gone", "0 of 'do forget'"),
        ("Rules.check If: never", "'If' is no step"),
    ],
)
def test_what_is_not_there_or_not_the_only_one_is_said(change: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        without(change)
