"""The list of defences fits the code: whoever moves one moves its entry along."""

from __future__ import annotations

import ast
import builtins

import pytest

from scripts.defences import Defence, defences
from stack.paths import ROOT

ALL = defences()


@pytest.mark.parametrize("defence", ALL, ids=[each.name for each in ALL])
def test_each_defence_stands_where_the_list_says(defence: Defence) -> None:
    whole = (ROOT / defence.path).read_text(encoding="utf-8")
    without = defence.taken_out(whole)
    assert ast.dump(ast.parse(without)) != ast.dump(ast.parse(whole))
    unknown = used(without) - bound(without) - bound(whole) - set(dir(builtins)) - {"__file__"}
    assert not unknown, "without the defence it would only be broken code"
    for test in defence.tests:
        path, _, name = test.partition("::")
        assert (ROOT / path).exists()
        assert not name or f"def {name}(" in (ROOT / path).read_text(encoding="utf-8")


def used(source: str) -> set[str]:
    return {
        node.id
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }


def bound(source: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                found.add(name)
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                found.add(name)
            case ast.alias(name=name, asname=as_name):
                found.add((as_name or name).partition(".")[0])
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                found.add(name)
    return found
