"""What the portal writes is the operator's alone, also in a directory that was there before."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

from stack.paths import BIN, ROOT
from testbed.portal import PortalProcess


def open_to_others(directory: Path) -> list[str]:
    return sorted(
        str(path) for path in directory.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o077
    )


def test_a_run_in_a_directory_that_was_open_closes_it_and_writes_nothing_for_others(
    make_portal: Callable[..., PortalProcess],
) -> None:
    portal = make_portal()
    portal.stop()
    database = portal.data_dir / "portal.sqlite3"
    portal.data_dir.chmod(0o755)
    database.chmod(0o644)
    (portal.data_dir / "celerybeat").unlink(missing_ok=True)
    portal.start()
    assert stat.S_IMODE(portal.data_dir.stat().st_mode) == 0o700
    names = [path for path in portal.data_dir.glob("portal.sqlite3*") if path.stat().st_mode & 0o077]
    assert names == []


def test_commands_by_hand_write_a_database_for_nobody_else(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    done = subprocess.run(
        ["sh", "-c", f"umask 022 && exec {BIN}/python manage.py migrate -v0 sessions"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PORTAL_DATA_DIR": str(tmp_path), "PORTAL_DOTENV": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "portal.sqlite3").exists()
    assert open_to_others(tmp_path) == []
