"""Each test of this room begins without memories."""

from tests.support.fresh import fresh_memory

__all__ = ["fresh_memory"]
