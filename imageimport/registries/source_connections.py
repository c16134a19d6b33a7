"""Connections to each source host, counted over all workers in Redis; with Redis away each import counts alone.

A count is believed for seconds: those of a killed worker are free again soon. An import that reads a large layer over
many gives some back while others want more than they have. Beside others an import gets its fair part, and beyond that
only as many as its process has open anyway: to open one takes two round trips, in which another could have asked twice.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter
from functools import partial
from typing import Any, Final

import redis
from django.conf import settings

from imageimport.registries.shared_redis import OverRedis

#: A count that is not told again is forgotten after this long, seconds; readers tell every five.
BELIEVED: Final = 30
#: A host that said 429 to several connections gets one from each import for this long, seconds.
REFUSED: Final = 3600

#: More are asked for at once than are needed, so that a small import asks once or twice.
BLOCK: Final = 4
#: Who was refused asks again after this long, however many of its threads wait; and what was granted and is not in use
#: is kept from others for no longer. Seconds.
PATIENCE: Final = 0.05
#: Who waits for its fair part has asked within this time. Seconds.
WAITING: Final = 0.2

#: KEYS: what each import has, who is refused more than one, who waits for its fair part. ARGV: me, what I have, how
#: many I want, how many at most, the limit, for how long it is believed, for how long one waits (milliseconds),
#: and how many this process has open. Returns how many are mine now, and how many imports want some.
_BEGIN: Final = (
    "local now, sum, others = tonumber(redis.call('TIME')[1]), 0, 0 "
    "local held = redis.call('HGETALL', KEYS[1]) "
    "for i = 1, #held, 2 do "
    "local count, till = string.match(held[i + 1], '^(%d+):(%d+)$') "
    "if tonumber(till) < now then redis.call('HDEL', KEYS[1], held[i]) "
    "elseif held[i] ~= ARGV[1] then sum, others = sum + tonumber(count), others + 1 end end "
    "local have, want = tonumber(ARGV[2]), tonumber(ARGV[3]) "
    "local fair = math.max(1, math.floor(ARGV[5] / (others + 1))) "
    "local grant = math.min(tonumber(ARGV[4]), tonumber(ARGV[5]) - sum, math.max(want, fair)) "
    "if others > 0 then grant = math.min(grant, math.max(fair, tonumber(ARGV[8]))) end "
    "local waits = redis.call('GET', KEYS[3]) "
    "if redis.call('EXISTS', KEYS[2]) == 1 then grant = have "
    "elseif grant < want then grant = have "
    "if have < fair then redis.call('SET', KEYS[3], ARGV[1], 'PX', ARGV[7]) end "
    "elseif have >= fair and waits and waits ~= ARGV[1] then grant = have "
    "elseif waits == ARGV[1] then redis.call('DEL', KEYS[3]) end "
    "redis.call('HSET', KEYS[1], ARGV[1], grant .. ':' .. (now + ARGV[6])) "
    "redis.call('EXPIRE', KEYS[1], 2 * ARGV[6]) "
    "return {grant, others + 1}"
)
#: ARGV: me, what I have, for how long it is believed. Returns how many imports want some.
_TELL: Final = (
    "if ARGV[2] == '0' then redis.call('HDEL', KEYS[1], ARGV[1]) return 1 end "
    "redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ':' .. (redis.call('TIME')[1] + ARGV[3])) "
    "redis.call('EXPIRE', KEYS[1], 2 * ARGV[3]) return redis.call('HLEN', KEYS[1])"
)


#: As many to each host this process has had in use at once: these are open, and a further one is still to be opened.
_opened: Final[Counter[str]] = Counter()
#: Hosts of which that is remembered.
MAX_HOSTS: Final = 1000


class SharedConnections(OverRedis):
    """:class:`oci.registry.connections.HostConnections` of one import, over Redis. Thread-safe; close it.

    What was granted is kept for the next question, and given back once the import uses none or far fewer.
    """

    def __init__(self) -> None:
        super().__init__()
        self._holder = secrets.token_hex(8)
        self._lock = threading.Lock()
        self._asking = threading.Lock()
        self._open: Counter[str] = Counter()
        self._granted: Counter[str] = Counter()
        #: How many are to be ended because others have fewer, and are on their way to it.
        self._leaving: Counter[str] = Counter()
        self._wanting: dict[str, int] = {}
        self._refused: set[str] = set()
        #: When one was last refused to this import; and when what it has was last told.
        self._asked_at: dict[str, float] = {}
        self._told_at: dict[str, float] = {}

    def begin(self, host: str) -> bool:
        if self._began(host):
            return True
        with self._asking:  # One of the threads that wait asks for all.
            return self._began(host) or (
                self._may_ask(host) and self._ask_for_more(host) and self._began(host)
            )

    def end(self, host: str) -> None:
        with self._lock:
            self._open[host] -= 1
            is_given_back = self._leaving[host] > 0
            self._leaving[host] -= is_given_back
            idle = self._granted[host] - self._open[host]
            is_late = time.monotonic() - self._told_at.get(host, 0.0) > PATIENCE
            self._asked_at.pop(host, None)
        if is_given_back or idle > BLOCK or (idle > 0 and (is_late or not self._open[host])):
            self.alive(host)

    def gives_back(self, host: str) -> bool:
        with self._lock:
            fair = max(1, settings.IMPORT_SOURCE_CONNECTIONS // self._wanting.get(host, 1))
            gives = self._open[host] - self._leaving[host] > fair
            self._leaving[host] += gives
        return gives

    def alive(self, host: str) -> None:
        with self._lock:
            count = self._granted[host] = self._open[host]
            self._told_at[host] = time.monotonic()
        arguments = (_name(host), self._holder, str(count), str(BELIEVED))
        wanting: Any = self.ask(lambda shared: shared.eval(_TELL, 1, *arguments), 1)
        self._wanting[host] = int(wanting)

    def refused(self, host: str) -> None:
        with self._lock:
            self._refused.add(host)
            self._granted[host] = 0
        self.ask(lambda shared: shared.set(_refused(host), "1", ex=REFUSED), None)

    def close(self) -> None:
        """All that was granted is for others."""
        for name in map(_name, self._wanting):
            self.ask(partial(_forget, name=name, holder=self._holder), 0)

    def _began(self, host: str) -> bool:
        with self._lock:
            if self._open[host] >= max(1, self._granted[host]):
                return False
            self._open[host] += 1
            if len(_opened) > MAX_HOSTS:
                _opened.clear()
            _opened[host] = max(_opened[host], self._open[host])
            return True

    def _may_ask(self, host: str) -> bool:
        return host not in self._refused and time.monotonic() - self._asked_at.get(host, 0.0) >= PATIENCE

    def _ask_for_more(self, host: str) -> bool:
        most = settings.IMPORT_SOURCE_CONNECTIONS
        with self._lock:
            have = max(1, self._open[host])
        want, block = have + 1, min(most, have + BLOCK)
        numbers = (have, want, block, most, BELIEVED, round(1000 * WAITING), _opened[host])
        keys = (_name(host), _refused(host), _waiting(host))
        # With Redis away each import counts alone.
        answer: Any = self.ask(
            lambda shared: shared.eval(_BEGIN, len(keys), *keys, self._holder, *map(str, numbers)),
            (block, 1),
        )
        with self._lock:
            self._granted[host], self._wanting[host] = int(answer[0]), int(answer[1])
            self._told_at[host] = time.monotonic()
            if self._granted[host] < want:
                self._asked_at[host] = time.monotonic()
                return False
        return True


def _forget(shared: redis.Redis, *, name: str, holder: str) -> Any:
    return shared.hdel(name, holder)


def _name(host: str) -> str:
    return f"portal:connections:{host}"


def _waiting(host: str) -> str:
    return f"portal:connections-waiting:{host}"


def _refused(host: str) -> str:
    return f"portal:connections-refused:{host}"
