"""Notices when `make`, which started this process, is asked to stop or is gone.

GNU make hands SIGTERM on to its children, but not SIGINT: it trusts the terminal to send that to everyone. Anyone who
interrupts only make's process would wait forever. Make then blocks the signal while it waits, which /proc shows.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

POLL_SECONDS = 0.5


async def watch_make(stop: Callable[[], None]) -> None:
    """Call ``stop`` once the make that started this process was interrupted or killed. Ends at once if none did."""
    if not os.environ.get("MAKELEVEL"):
        return
    parent = os.getppid()
    catching = _catches_interrupt(parent)
    while os.getppid() == parent and not (catching and not _catches_interrupt(parent)):
        await asyncio.sleep(POLL_SECONDS)
    stop()


def _catches_interrupt(pid: int) -> bool:
    """Make catches SIGINT until it handles one, and leaves it to the system's default from then on."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    for line in status.splitlines():
        name, _, value = line.partition(":")
        if name == "SigCgt":
            return bool(int(value, 16) >> (signal.SIGINT - 1) & 1)
    return False
