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
#: A process asks Redis so often whether a registry wants to be left alone, not before each of its requests. Seconds.
LOOK_AGAIN: Final = 1.0
#: People name any number of registries.
MAX_BELIEVED: Final = 1000

#: By key: until when, and until when this process believes so.
_believed: dict[str, tuple[float | None, float]] = {}


@dataclass(frozen=True, slots=True)
class Seen:
    """``remaining`` of ``limit`` requests in ``window_seconds``."""

    limit: int
    remaining: int
    window_seconds: int


class SharedRateLimits:
    """:class:`oci.registry.rate_limit.RateLimitStore` in the cache."""

    def seen(  # noqa: PLR0917 - the protocol's signature
        self, registry: str, account: str, limit: int, remaining: int, window: int, reset_at: float | None
    ) -> None:
        cache.set(_key("seen", registry, account), [limit, remaining, window], REMEMBERED)

    def blocked_until(self, registry: str, account: str) -> float | None:
        key = _key("until", registry, account)
        until, believed = _believed.get(key, (None, 0.0))
        now = time.monotonic()
        if now >= believed:
            until = cache.get(key)
            _remember(key, until, now)
        return float(until) if until and until > time.time() else None

    def block(self, registry: str, account: str, until: float) -> None:
        key = _key("until", registry, account)
        seconds = min(REMEMBERED, max(1, int(until - time.time()) + 1))
        cache.set(key, until, seconds)
        _remember(key, until, time.monotonic())

    def last(self, registry: str, account: str) -> Seen | None:
        """What was said last, for people."""
        found = cache.get(_key("seen", registry, account))
        return Seen(*found) if found else None


def _remember(key: str, until: float | None, now: float) -> None:
    if len(_believed) > MAX_BELIEVED:
        _believed.clear()
    _believed[key] = (until, now + LOOK_AGAIN)


def forget() -> None:
    """What this process believes."""
    _believed.clear()


def _key(kind: str, registry: str, account: str) -> str:
    who = hashlib.sha256(account.encode()).hexdigest()[:16] if account else "anonymous"
    return f"ratelimit:{kind}:{registry.lower()}:{who}"
