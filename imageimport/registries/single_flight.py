"""One transfer of a blob for all imports that need it, in all processes: a right held in Redis for seconds at a time.

With Redis away, or the right lost, a blob is only moved twice; nothing else depends on it.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from django.conf import settings

from imageimport.registries.shared_redis import OverRedis
from oci.copy.observer import Flight

#: A flight whose bytes stop moving for this long (or as long as a lease, if that is shorter) lets the others go ahead,
#: milliseconds.
HELD_MS: Final = 15_000
#: That a flight was completed is remembered for this long, milliseconds: longer than anyone believes an earlier look.
COMPLETED_MS: Final = 600_000
#: How often bytes are told, and how often those who wait look, seconds.
TELL_SECONDS: Final = 0.5
LOOK_SECONDS: Final = 0.1

#: Both touch the right only for its holder, so that one who lost it can't take it from the next. That a flight was
#: completed is true all the same.
_EXTEND: Final = (
    "local v = redis.call('GET', KEYS[1]) if v and string.sub(v, 1, #ARGV[1]) == ARGV[1] then "
    "redis.call('SET', KEYS[1], ARGV[1] .. ARGV[2], 'PX', ARGV[3]) return 1 end return 0"
)
_RELEASE: Final = (
    "if ARGV[2] ~= '' then redis.call('SET', KEYS[2], '1', 'PX', ARGV[2]) end "
    "local v = redis.call('GET', KEYS[1]) if v and string.sub(v, 1, #ARGV[1]) == ARGV[1] then "
    "return redis.call('DEL', KEYS[1]) end return 0"
)
#: 0: someone else has it; 1: taken; 2: taken, and another was completed lately.
_BEGIN: Final = (
    "if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 + redis.call('EXISTS', KEYS[2]) end "
    "return 0"
)


class SharedFlights(OverRedis):
    """:class:`oci.copy.observer.BlobFlights` over Redis. Thread-safe."""

    def begin(self, key: str) -> Flight | None:
        holder = f"{secrets.token_hex(8)}:"
        taken: Any = self.ask(
            lambda shared: shared.eval(_BEGIN, 2, _name(key), _completed(key), f"{holder}0", str(_held_ms())),
            2,
        )
        return _SharedFlight(self, key, holder, stale=taken > 1) if taken else None

    def wait(self, key: str, timeout: float, on_progress: Callable[[int], None]) -> bool:
        deadline = time.monotonic() + timeout
        while True:
            value: Any = self.ask(lambda shared: shared.get(_name(key)), None)
            if value is None:
                return True
            on_progress(int(value.rpartition(b":")[2] or 0))
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(LOOK_SECONDS, left))

    def tell(self, key: str, holder: str, done: int) -> None:
        self.ask(lambda shared: shared.eval(_EXTEND, 1, _name(key), holder, str(done), str(_held_ms())), 0)

    def release(self, key: str, holder: str, ok: bool) -> None:
        kept = str(COMPLETED_MS) if ok else ""
        self.ask(lambda shared: shared.eval(_RELEASE, 2, _name(key), _completed(key), holder, kept), 0)


class _SharedFlight:
    def __init__(self, flights: SharedFlights, key: str, holder: str, *, stale: bool) -> None:
        self.stale = stale
        self._flights = flights
        self._key = key
        self._holder = holder
        self._told = time.monotonic()
        self._lock = threading.Lock()

    def progress(self, done: int) -> None:
        with self._lock:
            if time.monotonic() - self._told < TELL_SECONDS:
                return
            self._told = time.monotonic()
        self._flights.tell(self._key, self._holder, done)

    def end(self, ok: bool) -> None:
        self._flights.release(self._key, self._holder, ok)


def _name(key: str) -> str:
    return f"portal:flight:{key}"


def _completed(key: str) -> str:
    return f"portal:landed:{key}"


def _held_ms() -> int:
    """No longer than a lease: the worker that takes over from a killed one need not wait for what that one moved."""
    return min(HELD_MS, int(settings.IMPORT_LEASE_SECONDS * 1000))
