"""The environment of Python: left alone where it is whole, made anew where it is broken."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from stack.install.venv import LOCKS, install_locked
from stack.paths import ROOT


def test_an_installed_environment_is_left_alone(capfd: pytest.CaptureFixture[str]) -> None:
    install_locked(ROOT, "test")
    assert capfd.readouterr().out == ""


def test_a_broken_environment_is_made_anew(tmp_path: Path) -> None:
    for lock in LOCKS.values():
        (tmp_path / lock).write_text("", encoding="utf-8")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").write_text("not a program", encoding="utf-8")
    install_locked(tmp_path, "run")
    subprocess.run([tmp_path / ".venv" / "bin" / "python", "-c", "import pip"], check=True)
