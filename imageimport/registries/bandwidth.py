"""Bytes a second that are read from sources: one bucket of tokens for the installation and one for each project, in
Redis, so that more workers do not mean more bytes.

With Redis away each import goes on at the share that it had last, and at a fair one where it had none; never faster.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from imageimport.registries.shared_redis import OverRedis
from oci.cancel import CancelToken

#: What a bucket holds: the bytes of so many seconds, so that no long silence is made up for in one rush.
BURST_SECONDS: Final = 0.25
#: Fewer bytes at once are not worth a question to Redis.
MIN_BYTES: Final = 16 * 1024
#: An import that has asked for none in this time has no share. Seconds.
ACTIVE_SECONDS: Final = 3
#: The longest wait before it is asked again: a bound may have been changed.
LOOK_AGAIN: Final = 0.5

#: KEYS: of each bucket its tokens and who asks. ARGV: who, how many, the least, seconds of burst, of being active; then
#: the rate of each. Returns the grant, else 0 and the milliseconds to wait; and how many ask at each.
_TAKE: Final = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local grant, wait, held, asking = tonumber(ARGV[2]), 0, {}, {}
local least = math.min(grant, tonumber(ARGV[3]))
for i = 1, #KEYS / 2 do
  local rate = tonumber(ARGV[5 + i])
  local most = math.max(rate * tonumber(ARGV[4]), tonumber(ARGV[3]))
  local seen = redis.call('HMGET', KEYS[2 * i - 1], 'tokens', 'at')
  local tokens = math.min(most, (tonumber(seen[1]) or most) + (now - (tonumber(seen[2]) or now)) * rate)
  held[i] = tokens
  if tokens < grant then grant = math.floor(tokens) end
  if tokens < least then wait = math.max(wait, (least - tokens) / rate) end
  redis.call('ZADD', KEYS[2 * i], now, ARGV[1])
  redis.call('ZREMRANGEBYSCORE', KEYS[2 * i], '-inf', now - tonumber(ARGV[5]))
  asking[i] = redis.call('ZCARD', KEYS[2 * i])
  redis.call('EXPIRE', KEYS[2 * i], 60)
end
if wait > 0 then grant = 0 end
for i = 1, #KEYS / 2 do
  redis.call('HSET', KEYS[2 * i - 1], 'tokens', tostring(held[i] - grant), 'at', string.format('%.6f', now))
  redis.call('EXPIRE', KEYS[2 * i - 1], 60)
end
return {grant, math.ceil(wait * 1000), unpack(asking)}
"""


class SharedBandwidth(OverRedis):
    """:class:`oci.registry.pace.Pace` of one import. Thread-safe.

    :param bandwidth: the project's own bound in bytes a second; None for none.
    """

    def __init__(self, project: UUID, bandwidth: int | None, cancel: CancelToken) -> None:
        super().__init__()
        self._project = project
        self._bandwidth = bandwidth
        self._cancel = cancel
        self._holder = secrets.token_hex(8)
        self._lock = threading.Lock()
        #: Granted and not read.
        self._spare = 0
        #: Bytes a second while Redis is away; None: it was never asked.
        self._share: float | None = None
        self._alone_at = time.monotonic()
        self._alone_tokens = 0.0
        #: Reads that wait now.
        self._waiting = 0

    def change(self, bandwidth: int | None) -> None:
        """The project's bound is another one now."""
        self._bandwidth = bandwidth

    @property
    def is_waited_for(self) -> bool:
        """Whether a read waits now: then nothing comes because of a bound of ours, and not of the source."""
        return self._waiting > 0

    def take(self, wanted: int) -> int:
        if not wanted or not (self._bandwidth or settings.IMPORT_BANDWIDTH):
            return wanted  # Most of the time, and asked for each read.
        with self._waits():
            while rates := self._rates():
                if spare := self._from_spare(wanted):
                    return spare
                grant, wait = self._ask(rates, wanted)
                if grant:
                    return grant
                self._cancel.wait(min(wait, LOOK_AGAIN))
        return wanted

    def give_back(self, count: int) -> None:
        if count and self._rates():
            with self._lock:
                self._spare += count

    @contextmanager
    def _waits(self) -> Iterator[None]:
        with self._lock:
            self._waiting += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= 1

    def _rates(self) -> dict[str, int]:
        """The bounds that hold, by their buckets."""
        found = {"all": settings.IMPORT_BANDWIDTH, str(self._project): self._bandwidth}
        return {name: rate for name, rate in found.items() if rate}

    def _from_spare(self, wanted: int) -> int:
        with self._lock:
            taken = min(self._spare, wanted)
            self._spare -= taken
            return taken

    def _ask(self, rates: dict[str, int], wanted: int) -> tuple[int, float]:
        """A grant, or none and the seconds to wait."""
        keys = [f"portal:bandwidth:{part}:{name}" for name in rates for part in ("tokens", "asking")]
        fixed = [self._holder, wanted, MIN_BYTES, BURST_SECONDS, ACTIVE_SECONDS]
        answer: Any = self.ask(
            lambda shared: shared.eval(_TAKE, len(keys), *keys, *fixed, *rates.values()),  # type: ignore[arg-type]
            None,
        )
        if answer is None:
            return self._alone(min(rates.values()), wanted)
        grant, wait, *asking = answer
        self._share = min(rate / max(1, count) for rate, count in zip(rates.values(), asking, strict=True))
        self._alone_at = time.monotonic()
        return int(grant), wait / 1000

    def _alone(self, rate: int, wanted: int) -> tuple[int, float]:
        """What one import may read by itself: its last share, and never more than the bound of today."""
        share = min(rate, self._share if self._share is not None else rate / settings.IMPORT_MAX_RUNNING)
        with self._lock:
            now = time.monotonic()
            most = max(share * BURST_SECONDS, float(MIN_BYTES))
            self._alone_tokens = min(most, self._alone_tokens + (now - self._alone_at) * share)
            self._alone_at = now
            least = min(wanted, MIN_BYTES)
            if self._alone_tokens < least:
                return 0, (least - self._alone_tokens) / share
            grant = min(wanted, int(self._alone_tokens))
            self._alone_tokens -= grant
            return grant, 0.0
