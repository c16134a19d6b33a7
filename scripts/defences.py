"""The list of defences, ``mutations.toml``, and how one is taken out of the code: by symbol, in its syntax tree.

Each entry says what stands there without the defence: a symbol and a change, ``oci.egress.policy:Rules.check_scheme
if: never``. The change leads inwards from the symbol, each step a kind of syntax, the name in it where it has one, and
which of how many it is (nothing: the only one). It ends in what becomes of it::

    if 2/3 > operand 1/2: gone        the first half of the second of three conditions
    call scrub: $1                    what goes in comes out
    return: True
    do reserve: gone                  a statement that is a call
    set code: $ + "x"

``gone``; ``never`` and ``always`` for a condition; or else Python, with ``$`` for what stands there and ``$1`` for its
first argument; where it is an expression, it becomes the condition of an ``if``. The steps ``first``, ``last`` (of a
body) and ``before`` add statements. A rename or another form of the code leaves an entry as it is, and one more ``if``
in the function asks which of them is meant.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from stack.paths import ROOT

LIST = ROOT / "scripts/mutations.toml"
_STEP = re.compile(r"([a-z]+)(?: ([A-Za-z_][\w.-]*))?(?: (\d+)/(\d+))?")
_OWN = re.compile(r"\$([1-9]?)")
_KINDS: dict[str, type[ast.AST] | tuple[type[ast.AST], ...]] = {
    "call": ast.Call,
    "choice": ast.IfExp,
    "compare": ast.Compare,
    "do": ast.Expr,
    "for": (ast.For, ast.comprehension),
    "if": ast.If,
    "import": (ast.Import, ast.ImportFrom),
    "keyword": ast.keyword,
    "raise": ast.Raise,
    "return": ast.Return,
    "set": (ast.Assign, ast.AnnAssign, ast.AugAssign),
    "with": ast.With,
}
#: Kinds that are told by the field in which they hang.
_FIELDS: dict[str, tuple[type[ast.AST] | tuple[type[ast.AST], ...], str]] = {
    "argument": (ast.Call, "args"),
    "filter": (ast.comprehension, "ifs"),
    "item": (ast.With, "items"),
    "operand": (ast.BoolOp, "values"),
    "over": ((ast.For, ast.comprehension), "iter"),
    "row": ((ast.Tuple, ast.List, ast.Set), "elts"),
    "value": (ast.Dict, "values"),
}
#: They belong to what the step before has found, not to anything inside of that.
_OWN_FIELDS = ("argument", "keyword", "over", "item")


@dataclass(frozen=True, slots=True)
class Defence:
    """``tests``: files or single tests of pytest; one of them must fail without it."""

    name: str
    without: str
    tests: list[str]

    @property
    def symbol(self) -> str:
        """``package.module``, ``package.module:Class.function`` or ``package.module:NAME``."""
        return self.without.split(" ", 1)[0].removesuffix(":")

    @property
    def path(self) -> str:
        """The file of the module, from the root of the tree."""
        stem = self.symbol.partition(":")[0].replace(".", "/")
        return f"{stem}/__init__.py" if (ROOT / stem / "__init__.py").is_file() else f"{stem}.py"

    def taken_out(self, whole: str) -> str:
        """The file without it.

        :raises ValueError: what the entry names is not there, or is not the only one.
        """
        tree = ast.parse(whole)
        steps, _, code = self.without.removeprefix(self.symbol).partition(": ")
        try:
            place = _symbol(tree, self.symbol.partition(":")[2])
            for step in steps.strip().split(" > "):
                if step in ("first", "last", "before"):
                    _add(place, step, code)
                    return ast.unparse(tree)
                place = _step(place, step) if step else place
            _put(place, code)
        except ValueError as error:
            message = f"{self.name}: {error} in {self.path}"
            raise ValueError(message) from error
        return ast.unparse(tree)


def defences() -> list[Defence]:
    """All of them, in the order of the list."""
    entries = tomllib.loads(LIST.read_text(encoding="utf-8"))
    return [Defence(name, **entry) for name, entry in entries.items()]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a piece of syntax hangs: in a field of ``parent``, at an index when that is a list."""

    parent: ast.AST
    field: str
    index: int | None

    @property
    def node(self) -> ast.AST:
        value = getattr(self.parent, self.field)
        node: ast.AST = value if self.index is None else value[self.index]
        return node

    def put(self, nodes: list[ast.AST]) -> None:
        if self.index is None:
            (node,) = nodes
            setattr(self.parent, self.field, node)
            return
        siblings = getattr(self.parent, self.field)
        siblings[self.index : self.index + 1] = nodes
        if not nodes and isinstance(self.parent, ast.Dict):
            del self.parent.keys[self.index]
        if not siblings and self.field == "body":
            siblings.append(ast.Pass())


def _below(node: ast.AST) -> Iterator[_Place]:
    """Everything inside of it, in the order of the tree."""
    for field, value in ast.iter_fields(node):
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(child, ast.AST):
                yield _Place(node, field, index)
                yield from _below(child)


def _symbol(tree: ast.Module, dotted: str) -> _Place:
    """The class, function or assignment of that name; without a name the whole module."""
    place = _Place(ast.Module(body=[tree], type_ignores=[]), "body", 0)  # type: ignore[list-item]
    for name in filter(None, dotted.split(".")):
        found = [
            _Place(place.node, "body", index)
            for index, node in enumerate(getattr(place.node, "body", []))
            if getattr(node, "name", None) == name
            or (isinstance(node, _KINDS["set"]) and _name(node) == name)
        ]
        if len(found) != 1:
            message = f"there are {len(found)} of {name!r}"
            raise ValueError(message)
        place = found[0]
    return place


def _step(place: _Place, step: str) -> _Place:
    """The one piece inside that the step names."""
    match = _STEP.fullmatch(step)
    if match is None:
        message = f"{step!r} is no step"
        raise ValueError(message)
    kind, name, which, of = match.groups()
    found = [each for each in _below(place.node) if _fits(each, kind, name, place.node)]
    if len(found) != int(of or 1):
        message = f"there are {len(found)} of {step!r}"
        raise ValueError(message)
    return found[int(which or 1) - 1]


def _fits(place: _Place, kind: str, name: str | None, outer: ast.AST) -> bool:
    if kind in _OWN_FIELDS and place.parent is not outer:
        return False
    if kind in _FIELDS:
        parent, field = _FIELDS[kind]
        fits = isinstance(place.parent, parent) and place.field == field
    else:
        fits = isinstance(place.node, _KINDS[kind])
    return fits and (name is None or name == (_key(place) if kind == "value" else _name(place.node)))


def _key(place: _Place) -> str:
    assert isinstance(place.parent, ast.Dict)
    assert place.index is not None
    key = place.parent.keys[place.index]
    return str(key.value) if isinstance(key, ast.Constant) else ""


def _name(node: ast.AST | None) -> str:
    """The last word of what is called, assigned, raised or named."""
    match node:
        case (
            ast.Name(id=name)
            | ast.Attribute(attr=name)
            | ast.keyword(arg=str(name))
            | ast.Constant(value=str(name))
        ):
            return name
        case ast.Call(func=inner) | ast.Expr(value=inner) | ast.Raise(exc=inner):
            return _name(inner)
        case ast.Subscript(value=inner):
            return _name(inner)
        case ast.Assign(targets=[inner, *_]) | ast.AnnAssign(target=inner) | ast.AugAssign(target=inner):
            return _name(inner)
    return ""


def _add(place: _Place, where: str, code: str) -> None:
    added: list[ast.AST] = [*ast.parse(code).body]
    if where == "before":
        place.put([*added, place.node])
        return
    body = getattr(place.node, "body", None)
    if not isinstance(body, list):
        raise ValueError("there is no body")
    at = 0 if where == "first" else len(body)
    body[at:at] = added


def _put(place: _Place, code: str) -> None:
    """Do what stands at the end of the change."""
    node = place.node
    if code == "gone":
        place.put([])
    elif code in ("never", "always"):
        test_place = _Place(node, "test", None) if isinstance(node, ast.If | ast.IfExp | ast.While) else place
        test_place.put([ast.Constant(code == "always")])
    else:
        own = node.value if isinstance(node, ast.keyword | ast.Return | ast.Assign | ast.AnnAssign) else node
        own = own.test if isinstance(own, ast.If) else own
        text = _OWN.sub(partial(_written, own), code)
        place.put(_parsed(node, text))


def _written(node: ast.AST | None, match: re.Match[str]) -> str:
    """What stands for ``$`` or ``$1``."""
    if match[1]:
        if not isinstance(node, ast.Call):
            raise ValueError("only a call has arguments")
        node = node.args[int(match[1]) - 1]
    return f"({ast.unparse(node)})" if isinstance(node, ast.expr) else ast.unparse(node) if node else "None"


def _parsed(node: ast.AST, text: str) -> list[ast.AST]:
    """The text as what can stand in the place of the node: a value for what has one, statements, or an expression."""
    if isinstance(node, ast.Return):
        return [ast.Return(ast.parse(text, mode="eval").body)]
    if isinstance(node, ast.Assign | ast.AnnAssign):
        node.value = ast.parse(text, mode="eval").body
        return [node]
    if isinstance(node, ast.keyword):
        call = ast.parse(f"f({node.arg}={text})", mode="eval").body
        assert isinstance(call, ast.Call)
        return [*call.keywords]
    if isinstance(node, ast.stmt):
        parsed = ast.parse(text).body
        match node, parsed:
            case ast.If(), [ast.Expr(value=condition)]:
                node.test = condition
                return [node]
        return [*parsed]
    return [ast.parse(text, mode="eval").body]
