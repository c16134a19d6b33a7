"""Static files are collected when they changed, for everybody to read."""

from __future__ import annotations

import os
import subprocess
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles.finders import get_finder

from registry_portal.web import static_files
from stack.paths import BIN, ROOT


@pytest.mark.parametrize("command", [["collectstatic", "--noinput", "-v0"], ["bootstrap"]])
def test_static_files_are_for_a_web_server_too(tmp_path: Path, command: list[str]) -> None:
    static = tmp_path / "static"
    done = subprocess.run(
        [BIN / "python", "manage.py", *command],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "PORTAL_DATA_DIR": str(tmp_path / "data"),
            "STATIC_ROOT": str(static),
            "PORTAL_DOTENV": "",
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    paths = [path for path in static.rglob("*") if path.name != ".collected"]
    assert len(paths) > 20
    assert [path for path in paths if not path.stat().st_mode & 0o004] == []


def forget_finders() -> None:
    """Django keeps them, with the folders that the settings named then."""
    finders: Any = get_finder
    finders.cache_clear()


def test_they_are_collected_again_only_when_one_changed(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "static").mkdir()
    settings.STATICFILES_DIRS = [tmp_path / "own"]
    settings.STATIC_ROOT = str(tmp_path / "static")
    forget_finders()
    asked: list[int] = []

    def collect(*_: Any, **__: Any) -> None:
        asked.append(os.umask(0o022))

    monkeypatch.setattr(static_files, "call_command", collect)
    kept = os.umask(0o077)
    try:
        told = [static_files.collect_if_changed(output=StringIO()) for _ in range(2)]
        (tmp_path / "own" / "new.css").write_text("a{}")
        told += [static_files.collect_if_changed(output=StringIO()) for _ in range(2)]
        after = os.umask(0o077)
    finally:
        os.umask(kept)
        forget_finders()
    assert told == [True, False, True, False]
    assert asked == [0o022, 0o022]
    assert after == 0o077
