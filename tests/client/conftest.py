"""``portal`` as people run it: a program with an environment and a home of its own, against a real portal."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from portal_client.main import run
from stack.paths import BIN, ROOT
from testbed.portal import ADMIN, PortalProcess


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Its lines of JSON."""
        return [json.loads(line) for line in self.out.splitlines()]


class Terminal:
    """A shell of one user: home, variables, and what was typed."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "PYTHONPATH": str(ROOT / "client"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "NO_PROXY": "*",
        }

    @property
    def kept(self) -> Path:
        """What `portal login` keeps."""
        return self.home / ".config" / "registry-portal" / "client.json"

    def run(self, *words: str, typed: str = "", **env: str) -> Said:
        """Carry out `portal WORDS` in this process, as a program of its own would: it starts in no time."""
        out, err = io.StringIO(), io.StringIO()
        with (
            patch.dict(os.environ, {**self.env, **env}, clear=True),
            patch("sys.stdin", io.StringIO(typed)),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = run(words)
        return Said(code, out.getvalue(), err.getvalue())

    def program(self, *words: str, typed: str = "", **env: str) -> Said:
        """Run the program `portal WORDS`, with this on its standard input."""
        done = subprocess.run(
            [sys.executable, "-m", "portal_client", *words],
            env={**self.env, **env},
            cwd=self.home,
            input=typed,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Said(done.returncode, done.stdout, done.stderr)

    def succeed(self, *words: str, typed: str = "", **env: str) -> Said:
        """As :meth:`run`, where nothing else will do."""
        said = self.run(*words, typed=typed, **env)
        assert said.code == 0, said
        return said


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """A shell that knows no portal."""
    return Terminal(tmp_path)


@pytest.fixture
def admin(portal: PortalProcess, terminal: Terminal) -> Terminal:
    """A shell in which the administrator's token is set, as in CI."""
    terminal.env |= {"PORTAL_URL": portal.url, "PORTAL_TOKEN": portal.token}
    return terminal


@pytest.fixture(scope="session")
def make_person(portal: PortalProcess) -> Callable[[str], str]:
    """Makes a user of this name at the shared portal; the password."""

    def make(name: str) -> str:
        code = "from django.contrib.auth.models import User; "
        code += f"User.objects.create_user('{name}', password='{name}-pass')"
        done = portal.manage("shell", "-v0", "-c", code)
        assert done.returncode == 0, done.stderr
        return f"{name}-pass"

    return make


@pytest.fixture
def signed_in(portal: PortalProcess, terminal: Terminal) -> Terminal:
    """A shell in which the administrator has signed in by `portal login`."""
    said = terminal.run("login", portal.url, "-u", ADMIN, "--password-stdin", typed=portal.password + "\n")
    assert said.code == 0, said
    return terminal


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client as ``pipx install ./client`` leaves it: the directory of its programs."""
    directory = tmp_path_factory.mktemp("installed")
    shutil.copytree(
        ROOT / "client", directory / "client", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
    )
    places = {"PIPX_HOME": "home", "PIPX_BIN_DIR": "bin", "PIPX_MAN_DIR": "man"}
    env = {
        **os.environ,
        **{name: str(directory / place) for name, place in places.items()},
        "PIPX_DEFAULT_PYTHON": sys.executable,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
    }
    done = subprocess.run(
        [BIN / "pipx", "install", "./client"],
        cwd=directory,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return directory / "bin"
