"""What the imports of all workers share in Redis, and each does without while Redis is away."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import TypeVar

import redis
from django.conf import settings

from accounts.breaker import Breaker
from accounts.redis import pools

T = TypeVar("T")


@lru_cache(maxsize=1)
def client() -> redis.Redis:
    """Redis of ``REDIS_URL``, by one pool of connections for this process; a second at most for each answer."""
    return pools.client(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1)


class OverRedis:
    """Asks Redis, and does without for a while once it is away. Thread-safe."""

    def __init__(self) -> None:
        self._breaker = Breaker("shared.away")

    def ask(self, ask: Callable[[redis.Redis], T], otherwise: T) -> T:
        """What Redis says, or ``otherwise``."""
        return self._breaker.run(partial(ask, client()), otherwise)
