"""How much the portal's workers grow while something runs."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Self

from tests.support.portal import PortalProcess

#: How often it looks, seconds.
TICK = 0.05


class Peak:
    """The largest growth of any one worker process inside the block, in MiB of private memory.

    Each process is compared with what itself had when it was first seen, so that a restart doesn't count.
    """

    def __init__(self, portal: PortalProcess) -> None:
        self._portal = portal
        self._first: dict[int, int] = {}
        self._most: dict[int, int] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    @property
    def grown_mib(self) -> float:
        return max((self._most[pid] - first for pid, first in self._first.items()), default=0) / 1024

    def _watch(self) -> None:
        workers = list(self._portal.pids("celery"))
        while not self._done.wait(TICK):
            for pid in workers:
                kib = private_kib(pid)
                if kib:
                    self._first.setdefault(pid, kib)
                    self._most[pid] = max(self._most.get(pid, 0), kib)


def private_kib(pid: int) -> int:
    """Memory of a process that it shares with nobody, in KiB; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return sum(
        int(line.split()[1]) for line in lines if line.startswith(("Private_Clean:", "Private_Dirty:"))
    )
