"""No record has more than six fields: a dataclass of many is a list of parameters under another name, and wants nouns.

One whose fields others define (a specification, the API, a row) has a line in ``wide_records.toml``, which says who.
Fields that only the record itself sets (``init=False``) are none of its parameters.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from scripts.lint import PRODUCT, project_files
from stack.paths import ROOT

TABLE = ROOT / "scripts/wide_records.toml"
MAX_FIELDS = 6
_FOLDERS = (*PRODUCT, "client")
#: Whose annotations are no fields.
_NO_FIELDS = ("ClassVar", "KW_ONLY")


@dataclass(frozen=True)
class Record:
    """A dataclass or a named tuple. ``bases``: where each class that it builds on would be, as far as names tell."""

    fields: tuple[str, ...]
    bases: tuple[str, ...]


def main() -> int:
    """0 if every wide record of the product is in the table, and the table has nothing else."""
    names = [str(path.relative_to(ROOT)) for path in project_files(".py")]
    names = [name for name in names if name.split("/")[0] in _FOLDERS]
    sources = {name: (ROOT / name).read_text(encoding="utf-8") for name in names}
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    found = complaints(widths(sources), table)
    print(*found, sep="\n", end="\n" if found else "")
    print(f"{len(table)} records have more than {MAX_FIELDS} fields")
    return 1 if found else 0


def complaints(widths: Mapping[str, int], table: Mapping[str, str]) -> list[str]:
    """A line for each record that is wide without a reason, and for each line of the table that is not needed.

    :param widths: fields of each record, by ``path:Class``.
    :param table: who defines the fields of a wide one, by the same.
    """
    wide = {name: count for name, count in widths.items() if count > MAX_FIELDS}
    found = [
        f"{name} has {count} fields: part it into nouns (at most {MAX_FIELDS}), or say in {TABLE.name} who defines them"
        for name, count in wide.items()
        if name not in table
    ]
    found += [f"{name} in {TABLE.name} is no wide record" for name in table if name not in wide]
    found += [f"{name} in {TABLE.name} has no reason" for name, reason in table.items() if not reason.strip()]
    return found


def widths(sources: Mapping[str, str]) -> dict[str, int]:
    """How many fields each record of these files has, with those of the records that it builds on."""
    records: dict[str, Record] = {}
    for path, text in sources.items():
        records.update(_records(path, ast.parse(text)))
    return {name: len(set(_fields(name, records))) for name in records}


def _fields(name: str, records: Mapping[str, Record]) -> Iterator[str]:
    if name in records:
        yield from records[name].fields
        for base in records[name].bases:
            yield from _fields(base, records)


def _records(path: str, tree: ast.Module) -> Iterator[tuple[str, Record]]:
    places = {
        alias.asname or alias.name: f"{_path_of(node.module)}:{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and _is_record(node):
            bases = [ast.unparse(base) for base in node.bases]
            fields = tuple(_own_fields(node.body))
            yield (
                f"{path}:{node.name}",
                Record(fields, tuple(places.get(each, f"{path}:{each}") for each in bases)),
            )


def _path_of(module: str) -> str:
    folder = "client/" if module.startswith("portal_client") else ""
    return f"{folder}{module.replace('.', '/')}.py"


def _is_record(node: ast.ClassDef) -> bool:
    marks = [*map(ast.unparse, node.decorator_list), *map(ast.unparse, node.bases)]
    return any(mark.partition("(")[0].rpartition(".")[2] in ("dataclass", "NamedTuple") for mark in marks)


def _own_fields(body: Iterable[ast.stmt]) -> Iterator[str]:
    for each in body:
        if not isinstance(each, ast.AnnAssign) or not isinstance(each.target, ast.Name):
            continue
        kind = ast.unparse(each.annotation)
        if not any(name in kind for name in _NO_FIELDS) and not _is_set_inside(each.value):
            yield each.target.id


def _is_set_inside(value: ast.expr | None) -> bool:
    """Whether a field is no parameter: ``field(init=False)``."""
    return isinstance(value, ast.Call) and any(
        given.arg == "init" and isinstance(given.value, ast.Constant) and given.value.value is False
        for given in value.keywords
    )


if __name__ == "__main__":
    sys.exit(main())
