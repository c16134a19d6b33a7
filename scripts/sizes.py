"""No file is above 500 lines: what is longer has a cut in it. How many small ones there are is not counted."""

from __future__ import annotations

import sys

from scripts.lint import project_files
from stack.paths import ROOT

MOST_LINES = 500


def main() -> int:
    """0 if the product's Python files keep to the sizes."""
    files = [path for path in project_files(".py") if path.relative_to(ROOT).parts[0] != "tests"]
    sizes = {
        path: path.read_text(encoding="utf-8").count("\n") for path in files if "migrations" not in path.parts
    }
    large = {path: lines for path, lines in sizes.items() if lines > MOST_LINES}
    for path, lines in large.items():
        print(f"{path.relative_to(ROOT)} has {lines} lines: look for the cut (at most {MOST_LINES})")
    print(f"{len(sizes)} files, the largest of {max(sizes.values())} lines")
    return 1 if large else 0


if __name__ == "__main__":
    sys.exit(main())
