"""Redis may be away: anyone who asks it then goes on without, and asks no more for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

import redis
import structlog

log = structlog.get_logger(__name__)
T = TypeVar("T")

#: A Redis that hangs costs one time-out in this time, not one a question. Seconds.
OPEN_SECONDS: Final = 5.0


class Breaker:
    """Leaves Redis alone for a few seconds after it failed, in this process. Thread-safe.

    :param event: logged when Redis is found to be away.
    """

    def __init__(self, event: str) -> None:
        self._event = event
        self._until = 0.0

    def run(self, ask: Callable[[], T], otherwise: T) -> T:
        """What Redis says, or ``otherwise``."""
        if time.monotonic() < self._until:
            return otherwise
        try:
            return ask()
        except (redis.RedisError, OSError) as exc:
            self._until = time.monotonic() + OPEN_SECONDS
            log.warning(self._event, error=type(exc).__name__)
            return otherwise

    def close(self) -> None:
        """Ask again at once."""
        self._until = 0.0
