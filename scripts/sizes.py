"""Sizes that feel right: no file above 500 lines, the median at most 100."""

from __future__ import annotations

import statistics
import sys

from scripts.lint import project_files
from stack.paths import ROOT

MOST_LINES = 500
MEDIAN_LINES = 100


def main() -> int:
    """0 if the product's Python files keep to the sizes."""
    files = [path for path in project_files(".py") if path.relative_to(ROOT).parts[0] != "tests"]
    sizes = {
        path: path.read_text(encoding="utf-8").count("\n") for path in files if "migrations" not in path.parts
    }
    large = {path: lines for path, lines in sizes.items() if lines > MOST_LINES}
    for path, lines in large.items():
        print(f"{path.relative_to(ROOT)} has {lines} lines: look for the cut (at most {MOST_LINES})")
    median = statistics.median(lines for lines in sizes.values() if lines)
    print(f"{len(sizes)} files, median {median:.0f} lines, largest {max(sizes.values())}")
    return 1 if large or median > MEDIAN_LINES else 0


if __name__ == "__main__":
    sys.exit(main())
