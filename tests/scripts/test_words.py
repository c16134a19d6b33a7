"""The check of words finds them in texts for readers, and leaves code alone."""

from __future__ import annotations

import pytest

from scripts.words import main, old_words


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.py", '"""Nobody reads it.\n\nMade anew."""\n', [(1, "Nobody"), (3, "anew")]),
        ("a.py", "x = 1  # waits for ever\n", [(1, "for ever")]),
        ("a.py", 'nobody = "whoever"\n', []),
        ("a.py", '"""A caller (``nobody``)."""\n', []),
        ("a.md", "It shall run.\n\n```\nanew\n```\n", [(1, "shall")]),
        ("a.po", 'msgid "No one is a member any more."\n', [(1, "any more")]),
        ("a.md", "Renewed, and whosoever.\n", []),
        ("a.py", 'class A:\n    """Of one process."""\n', [(2, "Of o")]),
        ("a.py", 'def a():\n    """:raises ValueError: it is odd."""\n', [(2, ":raises")]),
        ("a.py", 'def __init__(self):\n    """:param size: bytes."""\n', []),
    ],
)
def test_old_words_are_found_in_texts_for_readers_only(
    name: str, text: str, found: list[tuple[int, str]]
) -> None:
    assert old_words(name, text) == found


def test_the_project_has_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main() == 0, capsys.readouterr().out
