"""What registries said about their limits, shared by all workers through Redis; with Redis away, nobody knows.

Keys name the registry and a hash of the account, never the account itself.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import Final

from django.core.cache import cache

#: Docker Hub's window is six hours; older words are worthless. Seconds.
REMEMBERED: Final = 6 * 3600


@dataclass(frozen=True, slots=True)
class Seen:
    """``remaining`` of ``limit`` requests in ``window_seconds``."""

    limit: int
    remaining: int
    window_seconds: int


class SharedRateLimits:
    """:class:`oci.ratelimit.RateLimitStore` in the cache."""

    def seen(  # noqa: PLR0917 - the protocol's signature
        self, registry: str, account: str, limit: int, remaining: int, window: int, reset_at: float | None
    ) -> None:
        cache.set(_key("seen", registry, account), [limit, remaining, window], REMEMBERED)

    def blocked_until(self, registry: str, account: str) -> float | None:
        until = cache.get(_key("until", registry, account))
        return float(until) if until and until > time.time() else None

    def block(self, registry: str, account: str, until: float) -> None:
        seconds = min(REMEMBERED, max(1, int(until - time.time()) + 1))
        cache.set(_key("until", registry, account), until, seconds)

    def last(self, registry: str, account: str) -> Seen | None:
        """What was said last, for people."""
        found = cache.get(_key("seen", registry, account))
        return Seen(*found) if found else None


def _key(kind: str, registry: str, account: str) -> str:
    who = hashlib.sha256(account.encode()).hexdigest()[:16] if account else "anonymous"
    return f"ratelimit:{kind}:{registry.lower()}:{who}"
