"""The cache on a Redis that a test chooses."""

from __future__ import annotations

import time
from typing import Any

from registry_portal.cache import breaker


def use_redis(settings: Any, url: str) -> None:
    breaker.close()
    settings.CACHES = {
        **settings.CACHES,
        "default": {
            "BACKEND": "registry_portal.cache.ForgivingRedisCache",
            "LOCATION": url,
            "KEY_PREFIX": f"test-{time.monotonic_ns()}",
            "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 0.5},
        },
    }
