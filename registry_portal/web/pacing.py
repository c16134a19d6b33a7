"""How long a peer is waited for that sends or reads slowly."""

from __future__ import annotations

import errno
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

#: The most that anyone is waited for at a stretch, seconds; the whole head of a request has these and no more.
GRACE: Final = 10.0
#: Bytes a second, as over a poor mobile line. Each that passes gives its time back.
MIN_RATE: Final = 4096
#: A reader that is waited for longer than this is a slow one, seconds.
BRIEF: Final = 1.0

T = TypeVar("T")


class Patience:
    """What is left for one peer, in seconds: waiting takes from it, bytes give back, up to :data:`GRACE`."""

    def __init__(self) -> None:
        self.left = GRACE

    def spend(self, seconds: float, count: int) -> None:
        """It was waited for this long, and so many bytes passed."""
        self.left = min(GRACE, self.left - seconds + count / MIN_RATE)


class PacedSocket(socket.socket):
    """A socket that a thread reads and writes. A peer that has used up its :class:`Patience` counts as gone:
    reading and writing raise ``ConnectionResetError``. While it does not block, it is as any other socket.
    """

    _patience = Patience()
    _slow: threading.Semaphore | None = None
    #: When a thread first got the request that was set aside (:mod:`registry_portal.web.aside`), monotonic seconds, so
    #: that what its first question did counts as done since. 0: none was set aside.
    aside_since = 0.0

    def begin(self, slow: threading.Semaphore) -> None:
        """A new request. ``slow``: the places of threads that may wait for a slow reader."""
        self._patience, self._slow = Patience(), slow

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        try:
            return self._within(GRACE, lambda: super(PacedSocket, self).recv(bufsize, flags), len)
        except TimeoutError:
            if self.gettimeout() is not None:  # Set by the caller, who waits for this error.
                raise
            raise _too_slow() from None

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        if self.gettimeout() == 0 or self._slow is None:
            super().sendall(data, flags)
            return
        rest, has_place = memoryview(data), False
        try:
            while rest:
                try:
                    sent = self._send(rest, flags, GRACE if has_place else BRIEF)
                except TimeoutError:
                    if has_place or not self._slow.acquire(blocking=False):
                        raise _too_slow() from None
                    has_place = True
                else:
                    rest = rest[sent:]
        finally:
            if has_place:
                self._slow.release()

    def _send(self, data: memoryview, flags: int, most: float) -> int:
        return self._within(most, lambda: super(PacedSocket, self).send(data, flags), int)

    def _within(self, most: float, move: Callable[[], T], count: Callable[[T], int]) -> T:
        """What ``move`` gives, within what is left of the patience and at most ``most`` seconds.

        :raises TimeoutError: within ``most``, or the time that the caller has set.
        """
        asked = self.gettimeout()
        if asked == 0:
            return move()
        patience = self._patience
        if patience.left <= 0:
            raise _too_slow()
        self.settimeout(min(patience.left, most, GRACE if asked is None else asked))
        began, passed = time.monotonic(), 0
        try:
            found = move()
            passed = count(found)
            return found
        finally:
            self.settimeout(asked)
            patience.spend(time.monotonic() - began, passed)


def _too_slow() -> ConnectionResetError:
    return ConnectionResetError(errno.ECONNRESET, "The peer is slower than the least rate.")
