"""The data directory is one operator's, and one run's."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest
import requests

from stack import state
from stack.paths import ROOT
from testbed.portal import PortalProcess


def test_what_others_share_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    with pytest.raises(PermissionError, match="PORTAL_DATA_DIR"), state.hold(tmp_path):
        raise AssertionError
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o1777


@pytest.fixture
def up(portal: PortalProcess) -> PortalProcess:
    return portal


def test_a_second_run_on_the_same_data_is_refused_by_name(up: PortalProcess) -> None:
    done = subprocess.run(
        [ROOT / ".venv/bin/python", "-m", "stack", "run"],
        cwd=ROOT,
        env=up.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "up already" in done.stdout
    assert up.process is not None
    assert f"process {up.process.pid}" in done.stdout
    assert requests.get(f"{up.url}/healthz", timeout=60).status_code == 200
