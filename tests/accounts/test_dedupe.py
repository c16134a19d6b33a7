"""What is worth doing once in a while is done once by all processes."""

from __future__ import annotations

import pytest
from django.core.cache import caches

from accounts import dedupe


@pytest.mark.usefixtures("redis_cache")
def test_a_thing_is_first_once_for_all_processes() -> None:
    assert dedupe.first_within(60, "thing")
    assert not dedupe.first_within(60, "thing")
    caches["local"].clear()  # as another process
    assert not dedupe.first_within(60, "thing")
    assert dedupe.first_within(60, "other")
