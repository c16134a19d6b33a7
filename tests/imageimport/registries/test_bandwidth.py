"""Bytes a second of installation and project: buckets in Redis that all workers share. How true it is over time is
measured by bench/bandwidth.py."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from imageimport.registries import bandwidth, shared_redis
from imageimport.registries.bandwidth import MIN_BYTES, SharedBandwidth
from oci.cancel import CancelToken
from oci.errors import Canceled
from testbed.services import RedisServer

RATE = 400_000
#: What a bucket holds at first, and what may flow in while a test runs on a slow machine.
BURST = int(RATE * bandwidth.BURST_SECONDS)


class Impatient(CancelToken):
    """Ends a wait instead of waiting."""

    def wait(self, seconds: float) -> None:
        assert seconds > 0
        raise Canceled("would wait")


@pytest.fixture
def shared(redis_server: RedisServer, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.REDIS_URL, settings.IMPORT_BANDWIDTH = redis_server.url, None
    shared_redis.client.cache_clear()
    # Time stands still for the buckets, but for what a test lets pass.
    monkeypatch.setattr(bandwidth, "_TAKE", bandwidth._TAKE.replace("redis.call('TIME')", "{'1000', '0'}"))
    yield
    settings.REDIS_URL = redis_server.url
    shared_redis.client.cache_clear()
    for key in shared_redis.client().scan_iter("portal:bandwidth:*"):
        shared_redis.client().delete(key)
    shared_redis.client.cache_clear()


def pace(project: uuid.UUID | None = None, rate: int | None = RATE) -> SharedBandwidth:
    return SharedBandwidth(project or uuid.uuid4(), rate, Impatient())


def taken(*paces: SharedBandwidth, wanted: int = MIN_BYTES) -> int:
    """What they get in turns until each would have to wait."""
    total, left = 0, list(paces)
    while left:
        for each in list(left):
            try:
                total += each.take(wanted)
            except Canceled:
                left.remove(each)
    return total


def test_without_a_bound_everything_is_granted_and_redis_is_not_asked(settings: Any) -> None:
    settings.REDIS_URL, settings.IMPORT_BANDWIDTH = "redis://127.0.0.1:1/0", None
    assert pace(rate=None).take(1_000_000) == 1_000_000


def test_imports_of_one_project_share_one_bucket(shared: None) -> None:
    project = uuid.uuid4()
    assert BURST - MIN_BYTES < taken(pace(project), pace(project), pace(project)) <= BURST
    assert taken(pace()) > BURST - MIN_BYTES, "another project has its own"


def test_all_imports_share_the_installations_bucket_beside_their_own(shared: None, settings: Any) -> None:
    settings.IMPORT_BANDWIDTH = RATE
    assert BURST - MIN_BYTES < taken(pace(rate=None), pace(rate=10 * RATE), pace(rate=None)) <= BURST


def test_the_smaller_of_both_bounds_counts_and_takes_from_both(shared: None, settings: Any) -> None:
    settings.IMPORT_BANDWIDTH = 2 * RATE
    assert taken(pace()) <= BURST
    assert taken(pace(), pace()) <= BURST


def test_a_change_counts_at_the_next_read(shared: None) -> None:
    mine = pace()
    mine.take(MIN_BYTES)
    mine.change(None)
    assert mine.take(10 * RATE) == 10 * RATE


def test_what_was_granted_and_did_not_come_is_granted_again(shared: None) -> None:
    mine = pace()
    granted = mine.take(10 * RATE)
    mine.give_back(granted - 100)
    assert mine.take(10 * RATE) == granted - 100
    assert taken(mine) <= MIN_BYTES


def test_with_redis_away_each_goes_on_at_its_last_share(
    shared: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = uuid.uuid4()
    one, other = pace(project), pace(project)
    taken(one, other)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    shared_redis.client.cache_clear()
    now = bandwidth.time.monotonic()  # type: ignore[attr-defined]
    monkeypatch.setattr("imageimport.registries.bandwidth.time.monotonic", lambda: now)
    for each in (one, other):
        assert each._share == RATE / 2
        each._alone_at = now - 100
    assert taken(one, other) <= 2 * max(BURST / 2, MIN_BYTES), "what they may have at once, and no more"
    monkeypatch.undo()


def test_with_redis_away_from_the_beginning_a_fair_share_is_granted_and_never_all(settings: Any) -> None:
    settings.REDIS_URL, settings.IMPORT_BANDWIDTH = "redis://127.0.0.1:1/0", RATE
    shared_redis.client.cache_clear()
    mine = pace(rate=None)
    mine._alone_at -= 100
    most = max(RATE / settings.IMPORT_MAX_RUNNING * bandwidth.BURST_SECONDS, MIN_BYTES)
    assert 0 < taken(mine) <= most + MIN_BYTES
    shared_redis.client.cache_clear()


def test_a_wait_ends_with_a_cancel(shared: None) -> None:
    cancel = CancelToken()
    mine = SharedBandwidth(uuid.uuid4(), RATE, cancel)
    taken(pace(mine._project))
    cancel.cancel()
    with pytest.raises(Canceled):
        while True:
            mine.take(MIN_BYTES)
