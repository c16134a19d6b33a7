"""Words that readers of today have to translate back: none stands in comments, docstrings, guides or the catalogue.
A docstring begins with what the thing is or does.

Names in code and sentences in tests are not looked at.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from scripts.lint import project_files
from stack.paths import ROOT

OLD: Final = re.compile(
    r"\b(anew|whoever|nobody|somebody|anybody|shall|mends?|reckons?|seldom|meanwhile|for ever|so long|any more"
    r"|by whose right|the house)\b",
    re.IGNORECASE,
)
#: Texts as they are quoted: a name in code, and what HTTP and shells call so.
_QUOTED: Final = re.compile(r"``[^`]*``|`[^`]*`|:param \w+:")
#: How a docstring begins that withholds what it is about. ``__init__`` is about its class.
_NO_SUBJECT: Final = re.compile(r"Of [a-z:`]|:(raises|param|return)")
#: Folders that hold no text for readers of the product.
_NOT_OURS: Final = (
    "tests/",
    "bench/",
    "static/vendor/",
    "scripts/words.py",
)


def main() -> int:
    """0 if no text of the project has such a word."""
    found = [
        f"{path.relative_to(ROOT)}:{line}: {word}"
        for path in project_files(".py", ".md", ".po")
        if not path.relative_to(ROOT).as_posix().startswith(_NOT_OURS)
        for line, word in old_words(path.name, path.read_text(encoding="utf-8"))
    ]
    print("\n".join(found) or "no old words")
    return 1 if found else 0


def old_words(name: str, text: str) -> list[tuple[int, str]]:
    """Line and word of each old word in a file's text for readers, and the beginnings of docstrings without a subject;
    ``name`` says what kind of file it is.
    """
    is_code = Path(name).suffix == ".py"
    parts = _python(text) if is_code else _plain(text)
    found = [(line, match[0]) for line, part in parts for match in OLD.finditer(_QUOTED.sub("", part))]
    return found + (_without_subject(text) if is_code else [])


def _without_subject(text: str) -> list[tuple[int, str]]:
    return [
        (line, match[0])
        for name, line, docstring in _docstrings(text)
        if name != "__init__" and (match := _NO_SUBJECT.match(docstring))
    ]


def _plain(text: str) -> Iterator[tuple[int, str]]:
    """Each line of a text outside of its blocks of code; commands are no prose."""
    code = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            code = not code
        elif not code:
            yield number, line


def _python(text: str) -> Iterator[tuple[int, str]]:
    """Comments, and docstrings line by line."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for _name, first, docstring in _docstrings(text):
        for offset, line in enumerate(docstring.splitlines()):
            yield first + offset, line


def _docstrings(text: str) -> Iterator[tuple[str, int, str]]:
    """Name of what each is about (empty for the module), its first line's number, its text."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                yield getattr(node, "name", ""), first.lineno, first.value.value


if __name__ == "__main__":
    sys.exit(main())
