"""The checks of form can fail."""

from __future__ import annotations

import subprocess
from pathlib import Path

from scripts.lint import DUPLICATES, checks, main

BODY = """
def {name}(row, most):
    found = [each for each in row if each]
    found.sort(key=len)
    while len(found) > most:
        found.pop()
    total = sum(map(len, found))
    if total > most:
        raise ValueError(total)
    return found
"""


def duplicates_in(directory: Path) -> subprocess.CompletedProcess[str]:
    files = [str(path) for path in directory.glob("*.py")]
    return subprocess.run([*DUPLICATES, *files], capture_output=True, text=True, check=False, cwd=directory)


def test_code_that_stands_twice_fails(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text(BODY.format(name="one"))
    (tmp_path / "other.py").write_text("import os\n" + BODY.format(name="other"))
    done = duplicates_in(tmp_path)
    assert done.returncode != 0
    assert "Similar lines in 2 files" in done.stdout


def test_code_that_only_looks_alike_does_not(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text(BODY.format(name="one"))
    (tmp_path / "other.py").write_text(BODY.format(name="other").replace("found.pop()", "del found[0]"))
    assert duplicates_in(tmp_path).returncode == 0


def test_an_unknown_check_is_said() -> None:
    assert main(["no such check"]) == 2
    assert {"dead code", "duplicates", "mirror", "types"} <= set(checks())
