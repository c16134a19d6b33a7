"""Stops an import from another thread, also one that sits in a read of a silent socket."""

from __future__ import annotations

import socket
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from oci.errors import Canceled

#: How long a spared socket lives on after a cancel. Seconds.
GRACE_SECONDS: Final = 0.7


class CancelToken:
    """Shared by everything that works for one import attempt. Thread-safe.

    :meth:`cancel` may be called from any thread, also before the work begins; the first reason stays.
    Live sockets are shut down, so anyone who waits on one wakes at once and finds out by :meth:`check`.
    """

    def __init__(self) -> None:
        self._pulled = threading.Event()
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._spared: set[socket.socket] = set()
        self._shielded = False
        self._children: weakref.WeakSet[CancelToken] = weakref.WeakSet()
        self.reason = ""

    def child(self) -> CancelToken:
        """A token for a part of the work: pulled with this one, or alone."""
        made = CancelToken()
        with self._lock:
            self._children.add(made)
        if self._pulled.is_set():
            made.cancel(self.reason)
        return made

    @property
    def canceled(self) -> bool:
        return self._pulled.is_set()

    def cancel(self, reason: str = "canceled") -> None:
        with self._lock:
            if self._pulled.is_set():
                return
            self.reason = reason
            self._pulled.set()
            live = [] if self._shielded else list(self._sockets)
            spared = bool(self._spared) and not self._shielded
            children = list(self._children)
        for sock in live:
            _shut(sock)
        for each in children:
            each.cancel(reason)
        if spared:
            timer = threading.Timer(GRACE_SECONDS, self._shut_spared)
            timer.daemon = True
            timer.start()

    @contextmanager
    def after(self, seconds: float) -> Iterator[None]:
        """Cancel, with the reason ``timeout``, what within the block takes longer than ``seconds``."""
        alarm = threading.Timer(seconds, self.cancel, args=["timeout"])
        alarm.daemon = True
        alarm.start()
        try:
            yield
        finally:
            alarm.cancel()

    @contextmanager
    def shielded(self) -> Iterator[None]:
        """What must not be left half done: within, a cancel that comes is as if it had not come yet.

        :raises Canceled: when it came before.
        """
        with self._lock:
            if not self._pulled.is_set():
                self._shielded = True
        self.check()
        try:
            yield
        finally:
            self._shielded = False

    def check(self) -> None:
        """Stop here if it was canceled.

        :raises Canceled: once :meth:`cancel` was called.
        """
        if self._pulled.is_set() and not self._shielded:
            raise Canceled(self.reason)

    def wait(self, seconds: float) -> None:
        """Sleep, but wake up for a cancel.

        :raises Canceled:
        """
        if self._shielded:
            time.sleep(max(0.0, seconds))
        else:
            self._pulled.wait(max(0.0, seconds))
        self.check()

    def watch(self, sock: socket.socket) -> None:
        """Have ``sock`` shut down when the token is pulled.

        :raises Canceled: when it already was.
        """
        with self._lock:
            if not self._pulled.is_set() or self._shielded:
                self._sockets.add(sock)
                return
        _shut(sock)
        self.check()

    def spare(self, sock: socket.socket) -> None:
        """Leave a watched ``sock`` alive for a moment after a cancel: what it sends can be ended in order."""
        with self._lock:
            if sock in self._sockets:
                self._sockets.discard(sock)
                self._spared.add(sock)

    def spare_no_more(self, sock: socket.socket) -> None:
        """What it sent has ended."""
        with self._lock:
            if sock in self._spared and not self._pulled.is_set():
                self._spared.discard(sock)
                self._sockets.add(sock)

    def forget(self, sock: socket.socket) -> None:
        with self._lock:
            self._sockets.discard(sock)
            self._spared.discard(sock)

    def _shut_spared(self) -> None:
        with self._lock:
            spared = list(self._spared)
        for sock in spared:
            _shut(sock)


def _shut(sock: socket.socket) -> None:
    try:
        # Not SSLSocket.shutdown: that one takes the TLS object away from under a thread that reads.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
    except OSError:
        return  # Already closed by the other side or by its own thread: what we wanted.
