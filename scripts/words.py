"""Words that readers of today have to translate back: none stands in comments, docstrings, guides or the catalogue.
A docstring begins with what the thing is or does. In Chinese, one thing has one word: docs/development.md has the list.

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
#: Chinese words for which the list in docs/development.md has another.
OTHER_CHINESE: Final = re.compile(
    "镜像名称|私有镜像仓库|本地仓库|运维人员|吊销|源端|来源仓库|早先的|先前的|请求者|Docker 引擎|回退|摘要"
    "|(?<!服务)账号"
)
#: What a translation must not call a repository of images: it means the registry. A list of charts may be called so,
#: as Helm does.
_REGISTRY: Final = "仓库"
_REPOSITORY: Final = re.compile(r"(?<!%\()\brepositor(?:y|ies)\b", re.IGNORECASE)
_NOT_OF_IMAGES: Final = re.compile(r"\b(?:registr(?:y|ies)|charts?|helm)\b", re.IGNORECASE)
#: A sentence of a catalogue and the beginning of its translation, each as quoted lines.
_ENTRY: Final = re.compile(
    r'^msgid ((?:".*"\n)+)(?:msgid_plural (?:".*"\n)+)?msgstr(?:\[0\])? ((?:".*"\n?)+)', re.MULTILINE
)
_CHINESE_FILES: Final = ("zh.py", ".zh-CN.md", ".po")
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
        for line, word in wrong_words(path.name, path.read_text(encoding="utf-8"))
    ]
    print("\n".join(found) or "no old words")
    return 1 if found else 0


def wrong_words(name: str, text: str) -> list[tuple[int, str]]:
    """What :func:`old_words` and :func:`chinese_words` find."""
    return old_words(name, text) + chinese_words(name, text)


def chinese_words(name: str, text: str) -> list[tuple[int, str]]:
    """Line and word where a Chinese text does not keep to the list: another word for the same thing, or the registry's
    word for a repository. ``name`` says what kind of file it is; only some have Chinese texts.
    """
    if not name.endswith(_CHINESE_FILES):
        return []
    lines = enumerate(text.splitlines(), 1)
    found = [(line, match[0]) for line, part in lines for match in OTHER_CHINESE.finditer(part)]
    return found + [
        (line, f"{_REGISTRY}: {sentence}")
        for line, sentence, chinese in _sentences(name, text)
        if _REGISTRY in chinese and _REPOSITORY.search(sentence) and not _NOT_OF_IMAGES.search(sentence)
    ]


def _sentences(name: str, text: str) -> Iterator[tuple[int, str, str]]:
    """Line, sentence and translation, of a catalogue or of the client's dictionary."""
    if name.endswith(".po"):
        for match in _ENTRY.finditer(text):
            sentence, chinese = (
                "".join(re.findall(r'^"(.*)"$', part, re.MULTILINE)) for part in match.groups()
            )
            yield text.count("\n", 0, match.start()) + 1, sentence, chinese
    elif name.endswith(".py"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values, strict=True):
                    if isinstance(key, ast.Constant) and isinstance(value, ast.Constant):
                        yield key.lineno, str(key.value), str(value.value)


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
