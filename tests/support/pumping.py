"""Texts that make a regular expression work as hard as it can, derived from the expression itself.

A backtracking matcher is slow where something that may be repeated is repeated and the match then fails, or where
many places look like a beginning. So each repetition of a pattern is pumped, with all that has to stand before it,
and each beginning is repeated by itself.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any, Final

from django.core.validators import RegexValidator

from stack.paths import ROOT

#: The product; ``stack`` too, since it reads what others' processes say.
PACKAGES: Final = ("oci", "accounts", "projects", "imageimport", "registry_portal", "stack")

#: The end of a text, at which a match that went well so far fails.
_END: Final = "\x00"
#: One letter of each class that patterns name.
_OF_CATEGORY: Final = {
    op.CATEGORY_DIGIT: "0",
    op.CATEGORY_SPACE: " ",
    op.CATEGORY_WORD: "a",
    op.CATEGORY_NOT_SPACE: "a",
    op.CATEGORY_NOT_DIGIT: "a",
    op.CATEGORY_NOT_WORD: "-",
}
_CANDIDATES: Final = "a0-_./:=@ \"'<\\~Z"


def patterns() -> dict[str, re.Pattern[str]]:
    """Every expression that a module of the product keeps, by where it stands."""
    found: dict[re.Pattern[str], str] = {}
    for name in _modules():
        for variable, value in vars(importlib.import_module(name)).items():
            for number, pattern in enumerate(_held(value)):
                found.setdefault(pattern, f"{name}.{variable}" + (f"[{number}]" if number else ""))
    return {place: pattern for pattern, place in found.items()}


def _modules() -> Iterator[str]:
    for package in PACKAGES:
        yield package
        for info in pkgutil.walk_packages([str(ROOT / package)], f"{package}."):
            if ".migrations" not in info.name and info.name not in _NOT_IMPORTED:
                yield info.name


def _held(value: object, depth: int = 3) -> Iterator[re.Pattern[str]]:
    if depth == 0:
        return
    if isinstance(value, RegexValidator):
        yield re.compile(value.regex)
    elif isinstance(value, re.Pattern):
        if isinstance(value.pattern, str):
            yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _held(part, depth - 1)
    elif isinstance(value, list | tuple | set | frozenset):
        for part in value:
            yield from _held(part, depth - 1)
    elif isinstance(value, type):
        yield from _held(dict(vars(value)), depth - 1)


def texts(pattern: re.Pattern[str], length: int) -> Iterator[str]:
    """Texts of about ``length`` characters against a pattern."""
    tree = parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG)
    seen: set[tuple[str, str]] = set()
    for before, pump in [*_pumps(list(tree), ""), ("", "a."), ("", "a"), ("", " ")]:
        for part in ((before, pump), ("", before + pump), ("", before)):
            if part in seen or not part[1]:
                continue
            seen.add(part)
            body = part[0] + part[1] * (max(0, length - len(part[0])) // len(part[1]))
            yield body + _END


def _pumps(items: list[Any], before: str) -> Iterator[tuple[str, str]]:
    """What has to stand before a repetition, and what is repeated there; the last is the whole example."""
    for node in items:
        kind, value = node
        if kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            _low, high, inner = value
            once = _example(list(inner))
            if high > 8 and once:
                yield before, once
            yield from _pumps(list(inner), before)
        elif kind is op.SUBPATTERN:
            yield from _pumps(list(value[3]), before)
        elif kind is op.ATOMIC_GROUP:
            yield from _pumps(list(value), before)
        elif kind is op.BRANCH:
            for branch in value[1]:
                yield from _pumps(list(branch), before)
        before += _example([node])
    yield "", before


def _example(items: list[Any]) -> str:
    """A text that the items match, short but not empty where something may stand."""
    return "".join(_one(kind, value) for kind, value in items)


def _one(kind: Any, value: Any) -> str:
    if kind is op.LITERAL:
        return chr(value)
    if kind is op.NOT_LITERAL:
        return next(char for char in _CANDIDATES if ord(char) != value)
    if kind is op.ANY:
        return "a"
    if kind is op.IN:
        return _of_set(value)
    if kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
        return _example(list(value[2])) * max(1, min(value[0], 8))
    if kind is op.SUBPATTERN:
        return _example(list(value[3]))
    if kind is op.ATOMIC_GROUP:
        return _example(list(value))
    if kind is op.BRANCH:
        return _example(list(value[1][0]))
    return ""


def _of_set(value: list[Any]) -> str:
    negated = value[0][0] is op.NEGATE
    members = value[1:] if negated else value
    if negated:
        return next(char for char in _CANDIDATES if not any(_is_in(char, part) for part in members))
    kind, what = members[0]
    if kind is op.LITERAL:
        return chr(what)
    if kind is op.RANGE:
        return chr(what[0])
    return _OF_CATEGORY[what]


def _is_in(char: str, part: tuple[Any, Any]) -> bool:
    kind, what = part
    if kind is op.LITERAL:
        return ord(char) == what
    if kind is op.RANGE:
        return bool(what[0] <= ord(char) <= what[1])
    return {op.CATEGORY_SPACE: char.isspace(), op.CATEGORY_DIGIT: char.isdigit()}.get(what, char.isalnum())


def uses(place: str) -> set[str]:
    """The methods that the product calls of the expression that stands at ``place``; all where that can't be told."""
    variable = place.rpartition(".")[2].partition("[")[0]
    return _calls().get(variable) or {"fullmatch", "sub"}


@cache
def _calls() -> dict[str, set[str]]:
    """What the product calls of anything of a name, by that name, in one walk over all of it."""
    found: dict[str, set[str]] = {}
    for tree in _files().values():
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in _METHODS
            ):
                owner = node.func.value
                for name in {getattr(owner, "id", ""), getattr(owner, "attr", "")}:
                    found.setdefault(name, set()).add(_METHODS[node.func.attr])
    return found


#: Methods of an expression, and which of them shows the worst that it can do: replacing goes over the whole text.
_METHODS: Final = {
    "match": "match",
    "fullmatch": "fullmatch",
    **dict.fromkeys(("search", "sub", "subn", "split", "findall", "finditer"), "sub"),
}
#: What can't be imported here: needs a package that is not always installed, or runs when imported. Uses no ``re``,
#: which :func:`loose_expressions` holds.
_NOT_IMPORTED: Final = ("registry_portal.observability.spans", "stack.__main__")


#: Functions of ``re`` that take an expression as text.
_INLINE: Final = frozenset(
    {"compile", "match", "search", "fullmatch", "sub", "subn", "split", "findall", "finditer", "template"}
)


def loose_expressions() -> list[str]:
    """Where the product uses an expression that no module keeps, so that :func:`patterns` can't find it."""
    return [place for path, tree in _files().items() for place in _loose_in(path, tree)]


@cache
def _files() -> dict[Path, ast.Module]:
    """The modules of the product, read."""
    return {
        path: ast.parse(path.read_text(encoding="utf-8"))
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if "migrations" not in path.parts
    }


def _loose_in(path: Path, tree: ast.Module) -> Iterator[str]:
    place = path.relative_to(ROOT)
    unseen = str(place).removesuffix(".py").replace("/", ".") in _NOT_IMPORTED
    kept = {id(node) for statement in tree.body for node in _at_import(statement)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "re":
            yield f"{place}: from re import"
        if isinstance(node, ast.Import):
            yield from (
                f"{place}: import re" for name in node.names if name.name == "re" and (unseen or name.asname)
            )
        if not isinstance(node, ast.Call) or not (name := _made_by(node.func)):
            continue
        if name not in ("compile", "RegexValidator") or id(node) not in kept:
            yield f"{place}: {ast.unparse(node)[:100]}"


def _made_by(called: ast.expr) -> str:
    """The name of what takes an expression as text here; empty where nothing does."""
    if isinstance(called, ast.Name) and called.id in ("RegexValidator", "RegexField"):
        return called.id
    if not isinstance(called, ast.Attribute):
        return ""
    of_re = isinstance(called.value, ast.Name) and called.value.id == "re" and called.attr in _INLINE
    return called.attr if of_re or called.attr in ("RegexValidator", "RegexField") else ""


def _at_import(statement: ast.stmt) -> Iterator[ast.AST]:
    """What runs once when the module is imported, and is kept by it."""
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        yield from ast.walk(statement)
    elif isinstance(statement, ast.ClassDef):
        for inner in statement.body:
            yield from _at_import(inner)
