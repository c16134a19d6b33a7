"""Connections to a source host are counted over all workers, and each import is on its own with Redis away."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from imageimport.registries import shared_redis, source_connections
from imageimport.registries.source_connections import SharedConnections
from oci.registry.connections import Share
from testbed.services import RedisServer

#: A host of its own for each test: the counts of one are in Redis for a while.
HOST = ""


@pytest.fixture(autouse=True)
def redis_url(redis_server: RedisServer, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.REDIS_URL = redis_server.url
    settings.IMPORT_SOURCE_CONNECTIONS = 3
    monkeypatch.setattr(f"{__name__}.HOST", f"{uuid.uuid4().hex}.example.com")
    shared_redis.client.cache_clear()
    yield
    shared_redis.client.cache_clear()


def taken(one: SharedConnections, count: int) -> list[bool]:
    return [one.begin(HOST) for _ in range(count)]


def test_two_imports_share_what_a_host_takes() -> None:
    one, other = SharedConnections(), SharedConnections()
    assert taken(one, 2) == [True, True]
    one.alive(HOST)
    assert taken(other, 2) == [True, False]
    one.close()
    time.sleep(source_connections.PATIENCE)
    assert taken(other, 3) == [True, True, False]


def test_a_small_import_asks_once_for_all_that_it_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    one = SharedConnections()
    asked: list[str] = []
    monkeypatch.setattr(source_connections, "PATIENCE", 60.0)
    monkeypatch.setattr(one, "_ask_for_more", _counted(one._ask_for_more, asked))
    assert taken(one, 3) == [True, True, True]
    for _ in range(2):
        one.end(HOST)
    assert taken(one, 2) == [True, True]
    assert len(asked) == 1


def test_what_an_import_uses_no_more_is_free_at_once_though_it_goes_on() -> None:
    one, other = SharedConnections(), SharedConnections()
    taken(one, 3)
    assert taken(other, 2) == [True, False]
    for _ in range(3):
        one.end(HOST)
    time.sleep(source_connections.PATIENCE)
    assert taken(other, 2) == [True, True]


def test_who_is_refused_does_not_ask_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = SharedConnections(), SharedConnections()
    taken(one, 3)
    asked: list[str] = []
    monkeypatch.setattr(source_connections, "PATIENCE", 60.0)
    monkeypatch.setattr(other, "_ask_for_more", _counted(other._ask_for_more, asked))
    assert taken(other, 20) == [True] + 19 * [False]
    assert len(asked) == 1


def _counted(ask: Callable[[str], bool], asked: list[str]) -> Callable[[str], bool]:
    def counted(host: str) -> bool:
        asked.append(host)
        return ask(host)

    return counted


def test_no_one_gets_more_than_its_part_while_another_waits_for_its_own(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.IMPORT_SOURCE_CONNECTIONS = 4
    monkeypatch.setattr(source_connections, "WAITING", 60.0)
    one, other = SharedConnections(), SharedConnections()
    assert taken(one, 4) == [True] * 4
    assert taken(other, 2) == [True, False]
    one.alive(HOST)
    one.end(HOST)
    time.sleep(source_connections.PATIENCE)
    one.end(HOST)
    assert taken(one, 1) == [False], "though two are free"
    time.sleep(source_connections.PATIENCE)
    assert taken(other, 2) == [True, False]


def test_beside_others_no_one_gets_more_than_its_part_for_which_connections_are_still_to_be_opened(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.IMPORT_SOURCE_CONNECTIONS = 6
    one, other = SharedConnections(), SharedConnections()
    assert taken(one, 2) == [True, True]
    one.alive(HOST)
    assert taken(other, 4) == [True, True, True, False], "three of six"
    monkeypatch.setitem(source_connections._opened, HOST, 4)
    time.sleep(source_connections.PATIENCE)
    assert taken(other, 2) == [True, False], "four are open"


def test_what_was_granted_and_is_not_in_use_is_for_others_soon(settings: Any) -> None:
    settings.IMPORT_SOURCE_CONNECTIONS = 4
    one, other = SharedConnections(), SharedConnections()
    assert taken(one, 4) == [True] * 4
    for _ in range(2):
        time.sleep(source_connections.PATIENCE)
        one.end(HOST)
    assert taken(other, 2) == [True, True]


def test_what_only_helped_is_for_others_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is opened ahead counts while it is opened."""
    monkeypatch.setattr(source_connections, "PATIENCE", 60.0)
    one, other = SharedConnections(), SharedConnections()
    assert taken(one, 1) == [True]
    with Share(one, HOST).spare() as is_free:
        assert is_free
    assert taken(other, 2) == [True, True]


def test_another_host_is_another_count() -> None:
    one = SharedConnections()
    assert taken(one, 4) == [True, True, True, False]
    assert one.begin("other.example.com")


def test_the_first_connection_of_an_import_is_never_refused() -> None:
    one, other = SharedConnections(), SharedConnections()
    assert taken(one, 3) == [True, True, True]
    assert taken(other, 2) == [True, False]


def test_who_has_many_gives_some_back_to_who_wants_more() -> None:
    one, other = SharedConnections(), SharedConnections()
    assert taken(one, 3) == [True, True, True]
    assert not one.gives_back(HOST), "no one else wants any"
    assert taken(other, 2) == [True, False]
    one.alive(HOST)
    assert [one.gives_back(HOST) for _ in range(3)] == [True, True, False], "one is always its own"
    one.end(HOST)
    one.end(HOST)
    time.sleep(source_connections.PATIENCE)
    assert taken(other, 1) == [True]


def test_what_a_killed_worker_held_is_free_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as past:
        past.setattr(source_connections, "BELIEVED", -2)
        assert taken(SharedConnections(), 3) == [True, True, True]
    assert taken(SharedConnections(), 2) == [True, True]


def test_a_host_that_said_429_gets_one_from_each() -> None:
    one, other = SharedConnections(), SharedConnections()
    one.refused(HOST)
    assert taken(one, 2) == taken(other, 2) == [True, False]


def test_with_redis_away_each_counts_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = redis.Redis(port=1, socket_connect_timeout=0.2)
    with monkeypatch.context() as away:
        away.setattr(shared_redis, "client", lambda: nowhere)
        _alone()


def _alone() -> None:
    one, other = SharedConnections(), SharedConnections()
    assert taken(one, 4) == taken(other, 4) == [True, True, True, False]
    one.refused(HOST)
    for _ in range(3):
        one.end(HOST)
    assert taken(one, 2) == [True, False]
    one.close()
