"""A cache that may be away: pages and submissions never wait for Redis and never fail with it."""

from __future__ import annotations

from typing import Any

from django.core.cache.backends.redis import RedisCache, RedisCacheClient

from accounts.breaker import Breaker

breaker = Breaker("cache.away")


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
        none: dict[Any, Any] = {}
        return breaker.run(lambda: super(_ForgivingClient, self).get_many(keys), none)

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
