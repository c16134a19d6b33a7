"""Pages, the API and the admin answer to refusals by one mechanism each, and catch none themselves."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from types import ModuleType
from typing import Final

import pytest

from accounts.exceptions import ApplicationError, FieldErrors, Refused
from oci.errors import OciError
from scripts.lint import PRODUCT
from stack.paths import ROOT

#: Folders, and single modules, that answer to people and programs.
_ANSWERING: Final = frozenset({"views", "api", "admin"})
#: What catches a refusal by itself, and why.
_OTHERWISE: Final = {
    "imageimport/views/first_pull.py": "a registry's client gets the distribution specification's shape of errors",
}


def _modules() -> list[str]:
    found = []
    for package in PRODUCT:
        for path in sorted((ROOT / package).rglob("*.py")):
            inside = path.relative_to(ROOT).with_suffix("").parts
            if _ANSWERING & set(inside):
                found.append(path.relative_to(ROOT).as_posix())
    return found


def _caught(tree: ast.AST) -> Iterator[tuple[int, ast.expr]]:
    """What is caught, or suppressed, in which line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and node.type is not None:
            yield node.lineno, node.type
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
            yield from ((node.lineno, each) for each in node.args)


def _is_refusal(expression: ast.expr, module: ModuleType) -> bool:
    for node in ast.walk(expression):
        name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
        found = getattr(module, name, None)
        if found == Refused or name in {"ApplicationError", "FieldErrors", "OciError"}:
            return True
        if isinstance(found, type) and issubclass(found, (ApplicationError, FieldErrors, OciError)):
            return True
    return False


def _lines(path: str) -> list[int]:
    module = importlib.import_module(path.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
    tree = ast.parse((ROOT / path).read_text())
    return [line for line, expression in _caught(tree) if _is_refusal(expression, module)]


@pytest.mark.parametrize("path", sorted(set(_modules()) - set(_OTHERWISE)))
def test_what_a_service_refuses_is_not_caught_by_hand(path: str) -> None:
    assert _lines(path) == [], "use refusals_at, edit_view or Refusal (projects/views/answers.py)"


@pytest.mark.parametrize("path", sorted(_OTHERWISE))
def test_what_does_otherwise_still_does(path: str) -> None:
    assert _lines(path)


@pytest.mark.parametrize(
    "text",
    [
        "try: f()\nexcept ApplicationError: pass",
        "try: f()\nexcept (LookupError, exceptions.FieldErrors) as exc: pass",
        "try: f()\nexcept Refused: pass",
        "with suppress(OciError): f()",
    ],
)
def test_each_way_to_catch_one_is_found(text: str) -> None:
    import accounts.exceptions as module

    assert [_is_refusal(expression, module) for _, expression in _caught(ast.parse(text))] == [True]


def test_what_else_is_caught_is_no_matter_of_ours() -> None:
    import accounts.exceptions as module

    tree = ast.parse("try: f()\nexcept ValueError: pass")
    assert [_is_refusal(expression, module) for _, expression in _caught(tree)] == [False]
