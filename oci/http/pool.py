"""Connections between two requests, kept for the next: to dial and to shake hands takes longer than a small answer."""

from __future__ import annotations

import os
import select
import threading
import time
from typing import Final

from oci.http.connection import Connection

#: Idle connections are used again for this long; servers close theirs after a minute or more.
IDLE_SECONDS: Final = 30.0
#: None is kept for longer than this: its host's name may lead elsewhere by now, and the door judges only at the dial.
OLDEST_SECONDS: Final = 300.0
#: So many are kept in all; the oldest go first.
MAX_IDLE: Final = 32

Origin = tuple[str, str, int]


class IdleConnections:
    """Idle connections to any number of hosts, all reached through one door. Thread-safe; a forked process begins with
    none.

    No request or answer is under way on any of them, and none knows of a credential: those are in each request.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: The one used last is at the end.
        self._kept: list[Connection] = []
        self._closed = False
        self._process = os.getpid()

    def take(self, origin: Origin) -> Connection | None:
        """One that the server has not closed, the last used first; it is the caller's then."""
        while (connection := self._pop(origin)) is not None:
            if _is_fresh(connection, time.monotonic()) and not _readable(connection):
                connection.reused = True
                return connection
            connection.close()
        return None

    def count(self, origin: Origin) -> int:
        """How many there are for a host."""
        with self._lock:
            self._mind_fork()
            return sum(each.origin == origin for each in self._kept)

    def keep(self, connection: Connection) -> None:
        """An answer ended well on it."""
        now = connection.idle_since = time.monotonic()
        with self._lock:
            self._mind_fork()
            kept = [] if self._closed else [*self._kept, connection]
            done = [connection] if self._closed else []
            while kept and (len(kept) > MAX_IDLE or not _is_fresh(kept[0], now)):
                done.append(kept.pop(0))
            self._kept = kept
        for each in done:
            each.close()

    def close(self) -> None:
        """Close all, and from now on each that is given back."""
        with self._lock:
            self._closed = True
            done, self._kept = self._kept, []
        for each in done:
            each.close()

    def __del__(self) -> None:
        """No one uses its door anymore: a setting was changed."""
        self.close()

    def _pop(self, origin: Origin) -> Connection | None:
        with self._lock:
            self._mind_fork()
            for index in range(len(self._kept) - 1, -1, -1):
                if self._kept[index].origin == origin:
                    return self._kept.pop(index)
        return None

    def _mind_fork(self) -> None:
        """Two processes must never share one: their requests would mix."""
        if self._process != os.getpid():
            self._process = os.getpid()
            self._kept = []


def _is_fresh(connection: Connection, now: float) -> bool:
    return now - connection.idle_since < IDLE_SECONDS and now - connection.opened_at < OLDEST_SECONDS


def _readable(connection: Connection) -> bool:
    """Readable while idle means closed by the server, or noise that is no answer of ours."""
    if connection.sock.fileno() < 0:
        return True
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))
