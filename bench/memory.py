"""How much the portal's processes grow while something runs."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

from testbed.portal import PortalProcess

#: How often it looks, seconds.
TICK = 0.05


class Watch(ABC):
    """Looks again and again while the block runs; a kind of it says at what."""

    def __init__(self) -> None:
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    @abstractmethod
    def look(self) -> None:
        """One look."""

    def _watch(self) -> None:
        while not self._done.wait(TICK):
            self.look()


class Peak(Watch):
    """The largest growth of any one process of a kind inside the block, in MiB of private memory.

    Each process is compared with what itself had when it was first seen, so that a restart doesn't count.
    """

    def __init__(self, portal: PortalProcess, program: str = "celery") -> None:
        """
        :param program: whose processes: ``celery``, the workers, or ``gunicorn``, which answers.
        """
        super().__init__()
        self._pids = list(portal.pids(program))
        self._first: dict[int, int] = {}
        self._most: dict[int, int] = {}

    @property
    def grown_mib(self) -> float:
        return max((self._most[pid] - first for pid, first in self._first.items()), default=0) / 1024

    @property
    def together_mib(self) -> float:
        """Of all of them, each at its own most."""
        return sum(self._most[pid] - first for pid, first in self._first.items()) / 1024

    def look(self) -> None:
        for pid in self._pids:
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
