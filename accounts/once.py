"""Things that are worth doing once in a while, however often they are asked for."""

from __future__ import annotations

import hashlib
import threading
import time
from typing import Final

from django.core.cache import cache

#: Keys that one process remembers; the oldest goes first.
MAX_KEYS: Final = 10_000
_seen: dict[str, float] = {}
_lock = threading.Lock()


def first_in(seconds: int, key: str) -> bool:
    """Whether ``key`` was not asked for in the last ``seconds``; from now on it was.

    The shared cache knows for all processes; with Redis away each process still knows for itself.
    """
    now = time.monotonic()
    with _lock:
        if _seen.get(key, 0.0) > now:
            return False
        _seen.pop(key, None)
        _seen[key] = now + seconds
        while len(_seen) > MAX_KEYS:
            del _seen[next(iter(_seen))]
    return bool(cache.add(f"once:{hashlib.sha256(key.encode()).hexdigest()[:40]}", 1, seconds))


def forget_all() -> None:
    """Forget what this process remembers; for tests."""
    with _lock:
        _seen.clear()
