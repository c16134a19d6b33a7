"""A Redis that is away is asked once, and then not for a while."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
import redis

from accounts import breaker as breaker_module
from accounts.breaker import OPEN_SECONDS, Breaker


def away() -> str:
    raise redis.ConnectionError


@pytest.mark.parametrize("error", [redis.TimeoutError, ConnectionRefusedError])
def test_after_a_failure_nobody_asks_for_a_while(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    asked: list[int] = []

    def ask() -> str:
        asked.append(1)
        if len(asked) == 1:
            raise error
        return "answer"

    now = 1000.0
    monkeypatch.setattr(breaker_module, "time", SimpleNamespace(monotonic=lambda: now))
    breaker = Breaker("cache.away")
    assert [breaker.run(ask, "none") for _ in range(3)] == ["none"] * 3
    assert len(asked) == 1
    now += OPEN_SECONDS
    assert breaker.run(ask, "none") == "answer"


def test_one_that_is_closed_asks_again_at_once() -> None:
    breaker = Breaker("cache.away")
    assert breaker.run(away, "none") == "none"
    breaker.close()
    assert breaker.run(lambda: "answer", "none") == "answer"


def test_what_is_no_fault_of_redis_is_raised() -> None:
    breaker = Breaker("cache.away")
    with pytest.raises(KeyError):
        breaker.run(lambda: os.environ["NO_SUCH_VARIABLE"], "none")
    assert breaker.run(lambda: "answer", "none") == "answer"
