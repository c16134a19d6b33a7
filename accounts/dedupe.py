"""Things that are worth doing once in a while, however often they are asked for."""

from __future__ import annotations

import hashlib

from django.core.cache import cache, caches


def first_within(seconds: int, key: str) -> bool:
    """Whether ``key`` was not asked for in the last ``seconds``; from now on it was.

    The shared cache knows for all processes; with Redis away each process still knows for itself.
    """
    name = f"dedupe:{hashlib.sha256(key.encode()).hexdigest()[:40]}"
    return bool(caches["local"].add(name, 1, seconds)) and bool(cache.add(name, 1, seconds))
