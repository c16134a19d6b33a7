"""Redis down, hanging, killed, restarted and emptied: submissions are taken all the same, and run when it is back."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis
import requests

from testbed.services import RedisServer, start_redis
from tests.support.house import KIB, WEB, House
from tests.system.conftest import MakeHouse

#: How long a request may take whatever Redis does (the contract's own number for a POST): by so much more than with it,
#: where the machine does other things too.
QUICKLY = 2.0
#: After Redis is back: the worker connects again within seconds, the sweep hints within one. On a machine that is
#: busy with other tests both take several times as long.
BACK = 45.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """The Redis of this module's portal, to be broken."""
    found = start_redis(tmp_path_factory.mktemp("redis"))
    yield found
    found.running.stop()


@pytest.fixture(scope="module")
def house(server: RedisServer, make_house: MakeHouse) -> House:
    return make_house(
        REDIS_URL=server.url,
        IMPORT_MAX_RUNNING="2",
        IMPORT_MAX_RUNNING_PER_PROJECT="2",
        WORKER_CONCURRENCY="4",
    )


@contextmanager
def away(server: RedisServer, how: str) -> Iterator[None]:
    """Redis stopped, killed or frozen while this lasts."""
    if how == "frozen":
        server.running.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            server.running.signal(signal.SIGCONT)
        return
    if how == "killed":
        server.running.kill()
    else:
        server.running.stop()
    try:
        yield
    finally:
        server.running.start()


def timed(house: House, name: str) -> tuple[str, float]:
    """Submit; the id and how long the answer took."""
    house.image(name, [64 * KIB])
    house.project()
    began = time.monotonic()
    return house.submit(name), time.monotonic() - began


@pytest.mark.parametrize("how", ["stopped", "killed", "frozen"])
def test_with_redis_away_everything_is_answered_and_runs_later(
    house: House, server: RedisServer, how: str
) -> None:
    house.portal.call("GET", "/projects")
    before, usual = timed(house, f"there/{how}")
    house.succeed(before)
    quickly = QUICKLY + 10 * max(usual, 0.5)
    with away(server, how):
        task, seconds = timed(house, f"away/{how}")
        assert seconds < quickly
        for path in (f"/projects/{house.project()}/images/import/{task}", "/projects"):
            began = time.monotonic()
            assert house.portal.call("GET", path).status_code == 200
            assert time.monotonic() - began < quickly
        began = time.monotonic()
        assert requests.get(f"{house.portal.url}/healthz", timeout=10).status_code == 200
        assert requests.get(f"{house.portal.url}/accounts/login/", timeout=10).status_code == 200
        assert time.monotonic() - began < quickly
        time.sleep(1.5)
        assert house.rows.task(task).status == "pending"
    house.succeed(task, timeout=BACK)


def test_a_web_process_killed_before_its_hint_left_loses_nothing(house: House, server: RedisServer) -> None:
    with away(server, "frozen"):
        task, _seconds = timed(house, "hint/lost")
        for pid in house.portal.pids(WEB):
            house.kill(pid)
    house.succeed(task, timeout=BACK)
    house.until_web()


def test_a_running_import_does_not_notice_that_redis_restarts(house: House, server: RedisServer) -> None:
    with house.caught_in_a_layer("through/restart", first=64 * KIB) as task:
        for how in ("stopped", "killed"):
            with away(server, how):
                time.sleep(0.5)
    house.succeed(task)
    assert house.outcomes(task) == [(1, "success")]
    after, _seconds = timed(house, "after/restart")
    house.succeed(after, timeout=BACK)


def test_a_flush_while_ten_wait_and_two_run_loses_none(house: House, server: RedisServer) -> None:
    slow = []
    tasks = []
    for number in range(12):
        image = house.image(f"flushed/{number}", [512 * KIB])
        # Slower than twelve are asked for, on a busy machine too.
        slow.append(house.slow(image.blobs[1].digest, 4 * KIB))
        tasks.append(house.submit(f"flushed/{number}"))
    house.until_counts(running=2, pending=10)
    assert redis.Redis.from_url(server.url).flushall()
    for throttle in slow:
        throttle.release()
    for task in tasks:
        house.succeed(task, timeout=60)
        assert house.outcomes(task) == [(1, "success")]
