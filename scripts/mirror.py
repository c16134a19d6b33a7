"""Each module of the product has its tests where its path says: ``oci/urls.py`` in ``tests/oci/test_urls.py``
or in files of ``tests/oci/urls/``. What is held elsewhere by design has a line in ``mirror.toml``.

Modules that decide nothing (no branch, no loop: lists of addresses, configurations of apps, models' columns) need none.

``python -m scripts.mirror oci/urls.py …`` says where the tests of these modules are.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from scripts.lint import PRODUCT, project_files
from stack.paths import ROOT

TABLE = ROOT / "scripts/mirror.toml"
_DECIDING = (ast.If, ast.IfExp, ast.For, ast.While, ast.Try, ast.Match, ast.BoolOp, ast.comprehension)


def main(asked: Sequence[str] = ()) -> int:
    """0 if every module's tests are found by its path or by the table, and the table says nothing else; or, of the
    modules that were asked for, if each has some."""
    python = [str(path.relative_to(ROOT)) for path in project_files(".py")]
    if asked:
        return _tell(asked, [name for name in python if name.startswith("tests/")])
    modules = [name for name in python if name.split("/")[0] in PRODUCT and _decides(ROOT / name)]
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    complaints = unmirrored(modules, [name for name in python if name.startswith("tests/")], table)
    print(*complaints, sep="\n", end="\n" if complaints else "")
    print(f"{len(modules)} modules, {len(table)} lines of the table")
    return 1 if complaints else 0


def _tell(modules: Iterable[str], tests: Sequence[str]) -> int:
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    found = {module: where_tested(module, tests, table) for module in modules}
    for module, files in found.items():
        print(f"{module}: {', '.join(files) or 'none'}")
    return 0 if all(found.values()) else 1


def where_tested(module: str, tests: Iterable[str], table: Mapping[str, str]) -> list[str]:
    """The files of tests that have the module's path, or else the place that the table names."""
    own = [test for test in tests if is_mirrored(module, [test])]
    elsewhere = [table[module]] if module in table else []
    return own or elsewhere


def unmirrored(modules: Iterable[str], tests: Iterable[str], table: Mapping[str, str]) -> list[str]:
    """A line for each module that no one finds the tests of, and for each line of the table that is wrong.

    :param table: module to the test file or directory that holds it. A line for a whole directory would also stand for
        what is added to it, so there is none.
    """
    there, known = set(tests), set(modules)
    found = []
    for module in sorted(known):
        if is_mirrored(module, there):
            if module in table:
                found.append(f"{module} has tests of its own: its line in {TABLE.name} can go")
        elif module not in table:
            found.append(f"{module}: no tests/{module.removesuffix('.py')}…, and no line in {TABLE.name}")
    for key, where in table.items():
        if key not in known:
            found.append(f"{key} in {TABLE.name} is no module that needs tests")
        if not any(test == where or test.startswith(f"{where}/") for test in there):
            found.append(f"{where} in {TABLE.name} does not exist")
    return found


def is_mirrored(module: str, tests: Iterable[str]) -> bool:
    """Whether a file or a directory of tests has the module's path."""
    path = Path(module)
    file = f"tests/{path.with_name(f'test_{path.name}')}"
    directory = f"tests/{path.with_suffix('')}/test_"
    return any(test == file or test.startswith(directory) for test in tests)


def _decides(path: Path) -> bool:
    if path.name == "__init__.py" or "migrations" in path.parts:
        return False
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    return any(isinstance(node, _DECIDING) and not _is_for_types(node) for node in nodes)


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
