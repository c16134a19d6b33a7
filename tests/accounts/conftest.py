"""Each test of this room begins without memories."""

from typing import Any

import pytest

from testbed.services import RedisServer
from tests.accounts.caching import use_redis
from tests.support.fresh import fresh_memory

__all__ = ["fresh_memory"]


@pytest.fixture
def redis_cache(redis_server: RedisServer, settings: Any) -> None:
    """The portal's own cache on a real Redis."""
    use_redis(settings, redis_server.url)
