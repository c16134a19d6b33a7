"""Rate limits as registries tell them, shared by everything that asks the same registry with the same
account.
"""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass
from typing import Final, Protocol

from oci.http.connection import Response

_QUANTITY: Final = re.compile(r"([0-9]{1,9})(?:\s*;\s*w=([0-9]{1,9}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class RateLimit:
    """``limit`` requests in ``window`` seconds, of which ``remaining`` are left. ``window`` 0: unsaid."""

    limit: int
    remaining: int
    window: int


class RateLimitStore(Protocol):
    """Where it is kept that a registry wants to be left alone; a store that all workers share makes them all wait.
    ``account`` is empty for anonymous.
    """

    def blocked_until(self, registry: str, account: str) -> float | None:
        """Until when (seconds since the epoch) no one should ask; None when anyone may."""

    def block(self, registry: str, account: str, until: float) -> None:
        """The registry said to wait until then."""


class LocalRateLimits:
    """The rate limits that one process knows. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: dict[tuple[str, str], float] = {}

    def blocked_until(self, registry: str, account: str) -> float | None:
        with self._lock:
            until = self._until.get((registry, account))
        return until if until is not None and until > time.time() else None

    def block(self, registry: str, account: str, until: float) -> None:
        with self._lock:
            self._until[registry, account] = max(until, self._until.get((registry, account), 0.0))


def read_rate_limit(response: Response) -> RateLimit | None:
    """``ratelimit-limit: 100;w=21600`` and ``ratelimit-remaining: 76;w=21600``; None unless both are
    sensible.
    """
    limit = _QUANTITY.fullmatch((response.header("RateLimit-Limit") or "").strip())
    remaining = _QUANTITY.fullmatch((response.header("RateLimit-Remaining") or "").strip())
    if limit is None or remaining is None:
        return None
    return RateLimit(int(limit[1]), int(remaining[1]), int(limit[2] or remaining[2] or 0))
