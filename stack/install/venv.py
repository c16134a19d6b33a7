"""The virtual environment with the locked, hash-checked dependencies."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

from stack.install.system import InstallError

LOCKS = {"run": "requirements.lock", "test": "requirements-dev.lock", "compose": "requirements-dev.lock"}
STAMP = "installed.json"


def install_locked(root: Path, profile: str) -> None:
    """Bring ``root/.venv`` to what the profile's lock file says; nothing is done where it already is.

    The development lock holds everything of the other one, so having it is enough for ``run``.

    :raises InstallError: the environment can't be made or filled.
    """
    venv = root / ".venv"
    hashes = {name: _sha256(root / name) for name in LOCKS.values()}
    wanted = LOCKS[profile]
    if _usable(venv):
        done = _read_stamp(venv)
        if any(done.get(lock) == hashes[lock] for lock in {wanted, LOCKS["test"]}):
            return
        # An environment that has the tests' packages keeps them in step.
        wanted = LOCKS["test"] if LOCKS["test"] in done else wanted
    else:
        _create(venv)
    print(f"Installing Python packages from {wanted} into .venv …", flush=True)
    _pip(venv, root / wanted)
    (venv / STAMP).write_text(json.dumps({wanted: hashes[wanted]}) + "\n", encoding="utf-8")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _usable(venv: Path) -> bool:
    """It runs, and it was made here: a copied or moved environment points elsewhere."""
    python = venv / "bin" / "python"
    code = "import sys, pip; print(sys.prefix); sys.exit(sys.version_info < (3, 11))"
    try:
        found = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return found.returncode == 0 and Path(found.stdout.strip()).resolve() == venv.resolve()


def _read_stamp(venv: Path) -> dict[str, str]:
    try:
        found = json.loads((venv / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _create(venv: Path) -> None:
    print(f"Making the virtual environment {venv.name} with Python {sys.version.split()[0]} …", flush=True)
    shutil.rmtree(venv, ignore_errors=True)
    made = subprocess.run([sys.executable, "-m", "venv", venv], check=False)
    if made.returncode != 0:
        raise InstallError(
            f"{sys.executable} -m venv failed. On Debian or Ubuntu, the package python3-venv brings what it needs."
        )


def _pip(venv: Path, lock: Path) -> None:
    command: list[str | Path] = [
        *(venv / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--no-input", "--require-hashes", "--requirement", lock),
    ]
    for attempt in (1, 2, 3):
        if subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode == 0:
            return
        print(f"pip failed (attempt {attempt} of 3)", file=sys.stderr)
    raise InstallError(
        f"pip could not install {lock.name}. If this machine reaches PyPI only by a mirror or proxy, "
        "tell pip so (pip config set global.index-url …) and try again."
    )
