"""Failed sign-ins, counted by account and by address.

The counts live in the shared cache and, beside it, in this process: with Redis away the second still holds.
Only failures count, and whoever is over a limit is answered before his password is looked at, so that a right guess
tells nothing.
"""

from __future__ import annotations

import hashlib
import math
import threading
import time
from dataclasses import dataclass, field

from django.core.cache import cache

#: Failures within one window of :data:`WINDOW` seconds, which begins with the first.
PER_ACCOUNT = 10
#: Many people may share an address.
PER_ADDRESS = 60
WINDOW = 300
#: Accounts and addresses that one process remembers; the oldest goes first.
MOST_KEYS = 10_000


@dataclass
class LocalCounts:
    """Counts of this process: key to (end of its window, count)."""

    rows: dict[str, tuple[float, int]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, key: str) -> tuple[float, int]:
        with self.lock:
            end, count = self.rows.get(key, (0.0, 0))
        return (end, count) if end > time.time() else (0.0, 0)

    def add(self, key: str) -> None:
        now = time.time()
        with self.lock:
            end, count = self.rows.pop(key, (0.0, 0))
            self.rows[key] = (end, count + 1) if end > now else (now + WINDOW, 1)
            while len(self.rows) > MOST_KEYS:
                del self.rows[next(iter(self.rows))]

    def forget(self, key: str) -> None:
        with self.lock:
            self.rows.pop(key, None)

    def clear(self) -> None:
        with self.lock:
            self.rows.clear()


local = LocalCounts()


def blocked_for(*, account: str, address: str | None) -> int:
    """Seconds until a sign-in may be tried again; 0: now."""
    for key, limit in _keys(account, address):
        end, count = max(local.get(key), _shared(key), key=lambda found: found[1])
        if count >= limit:
            return max(1, math.ceil(end - time.time()))
    return 0


def failed(*, account: str, address: str | None) -> None:
    """Note a failed sign-in."""
    for key, _limit in _keys(account, address):
        local.add(key)
        cache.add(f"{key}:end", time.time() + WINDOW, WINDOW)
        if not cache.add(key, 1, WINDOW):
            try:
                cache.incr(key)
            except ValueError:  # it expired between the two calls
                cache.set(key, 1, WINDOW)


def succeeded(*, account: str) -> None:
    """A right password clears the account's failures, not those of the address."""
    key = _account_key(account)
    local.forget(key)
    cache.delete_many([key, f"{key}:end"])


def _keys(account: str, address: str | None) -> list[tuple[str, int]]:
    keys = [(_account_key(account), PER_ACCOUNT)]
    return [*keys, (f"sign-in:address:{address}", PER_ADDRESS)] if address else keys


def _account_key(account: str) -> str:
    """Names are hashed: they may be anything of any length, and may be a password typed into the wrong field."""
    digest = hashlib.sha256(account.casefold().encode("utf-8", "surrogatepass")).hexdigest()
    return f"sign-in:account:{digest[:32]}"


def _shared(key: str) -> tuple[float, int]:
    found = cache.get_many([key, f"{key}:end"])
    count = found.get(key, 0)
    end = found.get(f"{key}:end", time.time() + WINDOW)
    return (end, count) if isinstance(count, int) and isinstance(end, float) else (0.0, 0)
