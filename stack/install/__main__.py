"""`make install`: the virtual environment with the locked dependencies, and missing system packages.

Runs with whatever ``python3`` a fresh machine has: standard library only, no pip, no venv module needed beforehand.
Usage: ``python3 -m stack.install [run|test|compose]``; ``test`` also installs what only the tests need, ``compose``
what only the trial of docker-compose.yml does. Safe to repeat, and quick when there is nothing to do: the hashes of
the lock files are remembered inside the virtual environment.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - before anything that an older Python cannot even parse
    sys.exit(
        "Registry Portal needs Python 3.11 or newer, and this python3 is older. "
        "Install a newer one, or name it: make PYTHON=/usr/bin/python3.12 run"
    )

import fcntl
import os
from pathlib import Path

from stack.install.catalogues import compile_catalogues
from stack.install.system import InstallError, install_system_packages
from stack.install.venv import LOCKS, install_locked

ROOT = Path(__file__).resolve().parent.parent.parent


def main(arguments: list[str]) -> int:
    """Install for ``run`` (default) or ``test``; 0, or 1 with a sentence on what to do by hand."""
    profile = arguments[0] if arguments else "run"
    if profile not in LOCKS:
        print(f"Unknown profile {profile!r}: say {', '.join(LOCKS)}.", file=sys.stderr)
        return 2
    # Two `make run` in one checkout must not build one .venv at once; the lock goes with the process.
    lock = os.open(ROOT, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        install_system_packages(profile)
        install_locked(ROOT, profile)
        compile_catalogues(ROOT)
    except InstallError as exc:
        print(f"\nCannot install: {exc}", file=sys.stderr)
        return 1
    finally:
        os.close(lock)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
