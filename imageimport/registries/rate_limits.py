"""Until when registries want to be left alone, shared by all workers through Redis; with Redis away, no one knows.

Keys name the registry and a hash of the account, never the account itself.
"""

from __future__ import annotations

import hashlib
import time
from typing import Final

from django.core.cache import cache, caches

#: Docker Hub's window is six hours; older words are worthless. Seconds.
REMEMBERED_SECONDS: Final = 6 * 3600
#: A process asks Redis this often whether a registry wants to be left alone, not before each of its requests. Seconds.
LOOK_AGAIN_SECONDS: Final = 1.0


class SharedRateLimits:
    """:class:`oci.registry.rate_limit.RateLimitStore` in the cache."""

    def blocked_until(self, registry: str, account: str) -> float | None:
        key = _key(registry, account)
        believed = caches["local"].get(key)
        if believed is None:
            believed = [cache.get(key)]
            caches["local"].set(key, believed, LOOK_AGAIN_SECONDS)
        (until,) = believed
        return float(until) if until and until > time.time() else None

    def block(self, registry: str, account: str, until: float) -> None:
        key = _key(registry, account)
        seconds = min(REMEMBERED_SECONDS, max(1, int(until - time.time()) + 1))
        cache.set(key, until, seconds)
        caches["local"].set(key, [until], LOOK_AGAIN_SECONDS)


def _key(registry: str, account: str) -> str:
    who = hashlib.sha256(account.encode()).hexdigest()[:16] if account else "anonymous"
    return f"ratelimit:until:{registry.lower()}:{who}"
