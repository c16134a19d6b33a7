"""Looks at the rows all the while and remembers what must never be seen: invariants that one look can't check."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

import psycopg

from tests.support.rows import ENDED, OCCUPYING, Rows, Task

PERIOD: Final = 0.15
#: What an ended import keeps for ever. Being dismissed and pruned are no part of it.
_KEPT: Final = (
    *("status", "stage", "progress", "error", "error_code", "attempts", "fence", "digest"),
    *("source_digest", "started_at", "completed_at", "bytes_done", "bytes_total"),
)


class Watch(threading.Thread):
    """Use it as a context manager; afterwards :attr:`violations` says what it saw.

    :param most_running: of the installation and of one project.
    """

    def __init__(
        self, rows: Rows, *, most_running: int | None = None, most_of_project: int | None = None
    ) -> None:
        super().__init__(name="watch", daemon=True)
        self._rows = rows
        self._most_running = most_running
        self._most_of_project = most_of_project
        self._ending = threading.Event()
        self._last: dict[str, Task] = {}
        self.violations: list[str] = []
        self.looks = 0
        #: Every progress that was seen, by task and fence.
        self.seen: dict[tuple[str, int], list[int]] = {}

    def run(self) -> None:
        pause = PERIOD
        while not self._ending.wait(pause):
            began = time.monotonic()
            self.look()
            # Many rows take long to read; the portal needs the processor, too.
            pause = max(PERIOD, 4 * (time.monotonic() - began))

    def look(self) -> None:
        """One look; a database that is away is looked at again later."""
        try:
            now = self._rows.tasks()
        except (sqlite3.OperationalError, psycopg.OperationalError, psycopg.InterfaceError):
            time.sleep(PERIOD)
            return
        self.looks += 1
        for identifier, task in now.items():
            if before := self._last.get(identifier):
                self._compare(before, task)
            self.seen.setdefault((identifier, task.fence), []).append(task.progress)
            if task.progress > 100 or (task.progress == 100) != (task.status == "success"):
                self._note(task, f"progress {task.progress} while {task.status}")
        for identifier in self._last.keys() - now.keys():
            self._note(self._last[identifier], "the row has vanished")
        self._count(now)
        self._last = now

    def _compare(self, before: Task, after: Task) -> None:
        if before.status in ENDED:
            changed = [name for name in _KEPT if getattr(before, name) != getattr(after, name)]
            if changed:
                what = ", ".join(
                    f"{name}: {getattr(before, name)!r} to {getattr(after, name)!r}" for name in changed
                )
                self._note(after, f"changed after its end: {what}")
        if after.fence < before.fence:
            self._note(after, f"fence went back from {before.fence}")
        if after.progress < before.progress and after.status in OCCUPYING:
            self._note(after, f"progress went back from {before.progress} to {after.progress}")

    def _count(self, now: Mapping[str, Task]) -> None:
        running = [task.project for task in now.values() if task.status in OCCUPYING]
        if self._most_running is not None and len(running) > self._most_running:
            self.violations.append(f"{len(running)} imports ran at once")
        if self._most_of_project is not None:
            for project, count in Counter(running).items():
                if count > self._most_of_project:
                    self.violations.append(f"{count} imports of {project} ran at once")

    def _note(self, task: Task, what: str) -> None:
        self.violations.append(f"{task.id} ({task.target_name}, fence {task.fence}): {what}")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self.join()
        self.look()
