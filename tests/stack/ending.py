"""Processes that should have ended."""

from __future__ import annotations

import time

from testbed.portal import alive


def gone(pids: dict[int, str], *, seconds: float = 10.0) -> dict[int, str]:
    """Those of the processes that still run after a while."""
    deadline = time.monotonic() + seconds
    while (left := {pid: line for pid, line in pids.items() if alive(pid)}) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left
