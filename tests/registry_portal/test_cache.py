"""The cache's connections belong to the process, whichever thread asks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import redis
from django.core.cache import cache

from registry_portal.cache import breaker
from registry_portal.settings import CACHES
from testbed.services import RedisServer


def test_threads_open_no_connections_of_their_own(redis_server: RedisServer, settings: Any) -> None:
    breaker.close()
    own = CACHES["default"]
    options = {**own["OPTIONS"], "socket_timeout": 30, "client_name": "of-this-test"}
    settings.CACHES = {
        **settings.CACHES,
        "default": {**own, "LOCATION": [redis_server.url], "OPTIONS": options},
    }
    cache.set("who", 1, 60)
    before = named(redis_server)
    for _ in range(5):
        with ThreadPoolExecutor(1) as thread:
            assert thread.submit(lambda: cache.get("who")).result() == 1
    assert (before, named(redis_server)) == (before, before) and before > 0


def named(server: RedisServer) -> int:
    """Connections that have said their name so far."""
    return int(redis.Redis.from_url(server.url).info("commandstats")["cmdstat_client|setname"]["calls"])
