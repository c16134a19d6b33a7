"""How many connections a source is read over at once, over all that read it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from oci.limits import SOURCE_CONNECTIONS

#: Where none is free, one of an import's threads looks again this often; one of its own that becomes free is seen at
#: once. Seconds.
LOOK_SECONDS: Final = 0.05
#: The others wait for that one, and look by themselves should it have ended. Seconds.
_PATIENCE: Final = 1.0


class HostConnections(Protocol):
    """Counts the connections of one import to a host beside those of all others. Thread-safe.

    One of each import is always let through, so that none waits for another; the rest are shared.
    """

    def begin(self, host: str) -> bool:
        """One more; False, and not counted, where the host has its fill."""

    def end(self, host: str) -> None:
        """One less."""

    def gives_back(self, host: str) -> bool:
        """Whether the caller is to end one that it could go on with, since others have fewer."""

    def alive(self, host: str) -> None:
        """They are in use still; to be told every few seconds."""

    def refused(self, host: str) -> None:
        """The host said that these are too many: for a while no one has more than one."""

    def close(self) -> None:
        """The import has ended."""


class LocalConnections:
    """The connections of one import, counted in this process alone."""

    def __init__(self, most: int = SOURCE_CONNECTIONS) -> None:
        self._most = most
        self._open: Counter[str] = Counter()
        self._refused: set[str] = set()
        self._lock = threading.Lock()

    def begin(self, host: str) -> bool:
        with self._lock:
            if self._open[host] >= self._allowed(host):
                return False
            self._open[host] += 1
            return True

    def end(self, host: str) -> None:
        with self._lock:
            self._open[host] -= 1

    def gives_back(self, host: str) -> bool:
        return False

    def alive(self, host: str) -> None:
        """No one else asks."""

    def refused(self, host: str) -> None:
        with self._lock:
            self._refused.add(host)

    def close(self) -> None:
        """No one else waits."""

    def _allowed(self, host: str) -> int:
        return 1 if host in self._refused else max(1, self._most)


class Share:
    """One import's part of the connections to a host. Thread-safe."""

    def __init__(self, connections: HostConnections, host: str) -> None:
        self._connections = connections
        self._host = host
        self._changed = threading.Condition()
        self._is_looked = False

    @contextmanager
    def one(self) -> Iterator[None]:
        """While one more is in use; waits for it."""
        with self._changed:
            while not self._connections.begin(self._host):
                self._wait()
            self._changed.notify()  # More may have been granted than this one.
        with self._ending():
            yield

    @contextmanager
    def spare(self) -> Iterator[bool]:
        """Likewise, where there is one at once; else False. It is others' right after."""
        if not self._connections.begin(self._host):
            yield False
            return
        with self._ending():
            yield True
        self._connections.alive(self._host)

    def _wait(self) -> None:
        if self._is_looked:
            self._changed.wait(_PATIENCE)
            return
        self._is_looked = True
        self._changed.wait(LOOK_SECONDS)
        self._is_looked = False

    @contextmanager
    def _ending(self) -> Iterator[None]:
        try:
            yield
        finally:
            self._connections.end(self._host)
            with self._changed:
                self._changed.notify()
