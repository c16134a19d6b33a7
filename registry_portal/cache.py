"""A cache that may be away: pages and submissions never wait for Redis and never fail with it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import redis
import structlog
from django.core.cache.backends.redis import RedisCache, RedisCacheClient

log = structlog.get_logger(__name__)

#: After a failure the cache answers "nothing known" for this long without asking, so that a hanging Redis
#: costs one time-out in that time, not one a request. Seconds.
OPEN_FOR = 5.0


class _Breaker:
    """Remembers, per process, until when Redis is taken as away."""

    def __init__(self) -> None:
        self.until = 0.0

    def run(self, ask: Callable[[], Any], otherwise: Any) -> Any:
        if time.monotonic() < self.until:
            return otherwise
        try:
            return ask()
        except (redis.RedisError, OSError) as exc:
            self.until = time.monotonic() + OPEN_FOR
            log.warning("cache.away", error=type(exc).__name__)
            return otherwise


breaker = _Breaker()


class _ForgivingClient(RedisCacheClient):
    def add(self, key: Any, value: Any, timeout: Any) -> Any:
        return breaker.run(lambda: super(_ForgivingClient, self).add(key, value, timeout), True)

    def get(self, key: Any, default: Any) -> Any:
        return breaker.run(lambda: super(_ForgivingClient, self).get(key, default), default)

    def set(self, key: Any, value: Any, timeout: Any) -> Any:
        return breaker.run(lambda: super(_ForgivingClient, self).set(key, value, timeout), None)

    def touch(self, key: Any, timeout: Any) -> Any:
        return breaker.run(lambda: super(_ForgivingClient, self).touch(key, timeout), False)

    def delete(self, key: Any) -> Any:
        return breaker.run(lambda: super(_ForgivingClient, self).delete(key), False)

    def get_many(self, keys: Any) -> Any:
        return breaker.run(lambda: super(_ForgivingClient, self).get_many(keys), {})

    def has_key(self, key: Any) -> Any:
        return breaker.run(lambda: super(_ForgivingClient, self).has_key(key), False)

    def incr(self, key: Any, delta: Any) -> Any:
        return breaker.run(lambda: super(_ForgivingClient, self).incr(key, delta), delta)

    def set_many(self, data: Any, timeout: Any) -> Any:
        return breaker.run(lambda: super(_ForgivingClient, self).set_many(data, timeout), None)

    def delete_many(self, keys: Any) -> Any:
        return breaker.run(lambda: super(_ForgivingClient, self).delete_many(keys), None)


class ForgivingRedisCache(RedisCache):
    """Django's Redis cache; with Redis away it knows nothing instead of raising."""

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = _ForgivingClient
