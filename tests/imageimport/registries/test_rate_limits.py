"""What registries said about their limits, shared by all workers."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from django.core.cache import cache

from imageimport.registries import rate_limits
from imageimport.registries.rate_limits import Seen, SharedRateLimits

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
    rate_limits.forget()  # as another process, which believed nothing yet
    assert LIMITS.blocked_until("docker.io", "") == until
    cache.clear()
    assert LIMITS.blocked_until("docker.io", "") == until, "asked before its time"
    now = time.monotonic()
    monkeypatch.setattr(
        "imageimport.registries.rate_limits.time.monotonic", lambda: now + rate_limits.LOOK_AGAIN + 0.1
    )
    assert LIMITS.blocked_until("docker.io", "") is None


def test_redis_is_not_asked_before_each_request(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(rate_limits, "cache", SimpleNamespace(get=asked.append))
    for _ in range(20):
        LIMITS.blocked_until("docker.io", "")
    assert len(asked) == 1


def test_memory_is_bounded() -> None:
    for number in range(rate_limits.MAX_BELIEVED + 10):
        LIMITS.blocked_until(f"registry-{number}.example", "")
    assert len(rate_limits._believed) <= rate_limits.MAX_BELIEVED + 1


def test_what_was_said_last_is_kept_without_the_account_in_clear() -> None:
    LIMITS.seen("docker.io", "ann", 100, 7, 21600, None)
    assert LIMITS.last("docker.io", "ann") == Seen(100, 7, 21600)
    assert LIMITS.last("docker.io", "") is None
    assert "ann" not in rate_limits._key("seen", "docker.io", "ann")
