"""The check of words finds them in texts for readers, and leaves code alone."""

from __future__ import annotations

import pytest

from scripts.words import chinese_words, main, old_words


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


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.zh-CN.md", "填写镜像名。\n填写镜像名称。\n", [(2, "镜像名称")]),
        ("a.md", "填写镜像名称。\n", []),
        ("a.po", 'msgid "Search repositories"\nmsgstr "搜索镜像仓库"\n', [(1, "仓库: Search repositories")]),
        ("a.po", 'msgid "Search repositories"\nmsgstr "搜索镜像名"\n', []),
        (
            "a.po",
            'msgid ""\n"In each "\n"repository"\nmsgstr ""\n"每个"\n"仓库"\n',
            [(1, "仓库: In each repository")],
        ),
        (
            "a.po",
            'msgid "%(n)s repository"\nmsgid_plural "%(n)s"\nmsgstr[0] "仓库"\n',
            [(1, "仓库: %(n)s repository")],
        ),
        ("a.po", 'msgid "A chart repository"\nmsgstr "chart 仓库"\n', []),
        ("a.po", 'msgid "No %(repository)s"\nmsgstr "此仓库没有 %(repository)s"\n', []),
        ("a.po", 'msgid "A registry"\nmsgstr "仓库"\n', []),
        (
            "zh.py",
            'A = {\n    "a repository": "仓库",\n    "a registry": "仓库",\n}\n',
            [(2, "仓库: a repository")],
        ),
        ("en.py", 'A = {"a repository": "仓库"}\n', []),
    ],
)
def test_a_repository_is_not_called_as_a_registry_is_in_chinese(
    name: str, text: str, found: list[tuple[int, str]]
) -> None:
    assert chinese_words(name, text) == found


def test_the_project_has_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main() == 0, capsys.readouterr().out
