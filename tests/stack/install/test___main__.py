"""An old Python is told what it lacks."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from stack.paths import ROOT


def test_an_old_python_is_told_what_is_needed() -> None:
    source = (ROOT / "stack" / "install" / "__main__.py").read_text(encoding="utf-8")
    assert source.index("sys.version_info") < source.index("import fcntl")
    for old in _older_pythons():
        done = subprocess.run(
            [old, "-m", "stack.install"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert "needs Python 3.11" in done.stderr


def _older_pythons() -> list[str]:
    """Those of this machine that run."""
    names = [f"python3.{minor}" for minor in (7, 8, 9, 10)]
    elsewhere = map(str, Path.home().glob(".pyenv/versions/3.[6-9]*/bin/python3"))
    found = [*filter(None, map(shutil.which, names)), *elsewhere]
    runs = [
        subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0 for path in found
    ]
    return [path for path, good in zip(found, runs, strict=True) if good]
