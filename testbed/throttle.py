"""Holds blobs of the scripted registry back, so that a test can act while they are on their way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from testbed.scripted_http import Reply, Request


class Throttle:
    """An act of :class:`testbed.scripted_registry.ScriptedRegistry`: bodies drip until :meth:`release`.

    :param rate: bytes a second of each body.
    """

    def __init__(self, rate: int) -> None:
        self._piece = max(1, rate // 20)
        self._lock = threading.Lock()
        self._replies: list[Reply] = []
        self._released = False

    def __call__(self, _request: Request, proceed: Callable[[], Reply]) -> Reply:
        reply = proceed()
        with self._lock:
            if self._released:
                return reply
            slow = replace(reply, drip=self._piece, drip_seconds=0.05)
            self._replies.append(slow)
            return slow

    def release(self) -> None:
        """Everything comes at full speed from now on, what is on its way too."""
        with self._lock:
            self._released = True
            for reply in self._replies:
                reply.drip, reply.drip_seconds = 0, 0.0
