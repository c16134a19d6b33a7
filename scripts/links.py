"""Links between the documents lead somewhere: files exist, and headings too."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from scripts.lint import project_files
from stack.paths import ROOT

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+?) *#*$", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def main() -> int:
    """0 if every relative link of every Markdown file leads somewhere."""
    dead = [problem for path in project_files(".md") for problem in dead_links(path)]
    for problem in dead:
        print(problem)
    return 1 if dead else 0


def dead_links(path: Path) -> list[str]:
    """What is wrong with the links of one document."""
    found = []
    for link in LINK.findall(FENCE.sub("", path.read_text(encoding="utf-8"))):
        if re.match(r"[a-z][a-z0-9+.-]*:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if not target.exists():
            found.append(f"{path.relative_to(ROOT)}: {link} is not there")
        elif anchor and target.suffix == ".md" and anchor not in anchors(target):
            found.append(f"{path.relative_to(ROOT)}: {link} names no heading")
    return found


def anchors(path: Path) -> set[str]:
    """The anchors that headings get on code hosting sites."""
    headings = HEADING.findall(FENCE.sub("", path.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


if __name__ == "__main__":
    sys.exit(main())
