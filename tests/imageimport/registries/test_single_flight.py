"""One transfer of a blob at a time, in all processes that share a Redis."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from imageimport.registries import shared_redis, single_flight
from imageimport.registries.single_flight import SharedFlights
from testbed.services import RedisServer


@pytest.fixture(autouse=True)
def redis_url(redis_server: RedisServer, settings: Any) -> Iterator[None]:
    settings.REDIS_URL = redis_server.url
    shared_redis.client.cache_clear()
    yield
    shared_redis.client.cache_clear()


def test_of_two_one_moves_and_the_other_is_told_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single_flight, "TELL_SECONDS", 0)
    one, other = SharedFlights(), SharedFlights()
    flight = one.begin("r/one")
    assert flight is not None
    assert other.begin("r/one") is None
    flight.progress(700)
    seen: list[int] = []
    assert not other.wait("r/one", 0.01, seen.append)
    assert seen[-1] == 700
    threading.Timer(0.2, flight.end, [True]).start()
    assert other.wait("r/one", 10, seen.append)
    assert other.begin("r/one") is not None


@pytest.mark.parametrize("ok", [True, False])
def test_only_a_flight_that_landed_is_news(ok: bool) -> None:
    key = f"r/landed-{ok}"
    first = SharedFlights().begin(key)
    assert first is not None
    assert not first.stale
    first.end(ok)
    second = SharedFlights().begin(key)
    assert second is not None
    assert second.stale is ok


def test_who_lost_the_right_ends_no_other_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single_flight, "_held_ms", lambda: 1)
    late = SharedFlights().begin("r/late")
    assert late is not None
    monkeypatch.undo()
    assert SharedFlights().wait("r/late", 10, lambda _: None)
    flight = SharedFlights().begin("r/late")
    assert flight is not None
    late.end(True)
    assert SharedFlights().begin("r/late") is None


def test_without_redis_everyone_flies_and_looks_anew(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    shared_redis.client.cache_clear()
    shared = SharedFlights()
    one, other = shared.begin("r/away"), shared.begin("r/away")
    assert one is not None
    assert other is not None
    assert one.stale
    one.end(True)
