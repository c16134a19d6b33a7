"""No file is above 500 lines: what is longer has a cut in it; no folder holds more than 20 modules: what is wider has
wings. How many small ones there are is not counted.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from scripts.lint import project_files
from stack.paths import ROOT

MAX_LINES = 500
#: Side by side, ``__init__.py`` aside.
MAX_MODULES = 20


def main() -> int:
    """0 if the product's Python files and folders keep to the sizes."""
    files = [path.relative_to(ROOT) for path in project_files(".py")]
    files = [path for path in files if "migrations" not in path.parts]
    found = [*_long(path for path in files if path.parts[0] != "tests"), *_wide(files)]
    print("\n".join([*found, f"{len(files)} files"]))
    return 1 if found else 0


def _long(files: Iterable[Path]) -> list[str]:
    lines = {path: (ROOT / path).read_text(encoding="utf-8").count("\n") for path in files}
    return [
        f"{path} has {count} lines: look for the cut (at most {MAX_LINES})"
        for path, count in lines.items()
        if count > MAX_LINES
    ]


def _wide(files: Iterable[Path]) -> list[str]:
    modules = Counter(path.parent for path in files if path.name != "__init__.py")
    return [
        f"{folder} has {count} modules: give it wings (at most {MAX_MODULES})"
        for folder, count in modules.items()
        if count > MAX_MODULES
    ]


if __name__ == "__main__":
    sys.exit(main())
