"""What registries said about their limits, shared by all workers."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from django.core.cache import cache, caches

from imageimport.registries import rate_limits
from imageimport.registries.rate_limits import SharedRateLimits

LIMITS = SharedRateLimits()


def test_a_block_holds_for_this_registry_and_account_only() -> None:
    until = time.time() + 60
    LIMITS.block("docker.io", "ann", until)
    assert LIMITS.blocked_until("docker.io", "ann") == until
    assert LIMITS.blocked_until("docker.io", "") is None
    assert LIMITS.blocked_until("ghcr.io", "ann") is None


def test_a_block_that_is_over_is_none() -> None:
    LIMITS.block("docker.io", "", time.time() - 1)
    assert LIMITS.blocked_until("docker.io", "") is None


def test_another_process_is_heard_after_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert LIMITS.blocked_until("docker.io", "") is None
    until = time.time() + 60
    LIMITS.block("docker.io", "", until)
    caches["local"].clear()  # as another process, which believed nothing yet
    assert LIMITS.blocked_until("docker.io", "") == until
    cache.clear()
    assert LIMITS.blocked_until("docker.io", "") == until, "asked before its time"
    now = time.time()
    monkeypatch.setattr(
        "django.core.cache.backends.locmem.time.time", lambda: now + rate_limits.LOOK_AGAIN_SECONDS + 0.1
    )
    assert LIMITS.blocked_until("docker.io", "") is None


def test_redis_is_not_asked_before_each_request(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(rate_limits, "cache", SimpleNamespace(get=asked.append))
    for _ in range(20):
        LIMITS.blocked_until("docker.io", "")
    assert len(asked) == 1


def test_no_key_holds_the_account_in_clear() -> None:
    assert "ann" not in rate_limits._key("docker.io", "ann")
