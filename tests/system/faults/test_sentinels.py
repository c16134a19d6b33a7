"""The master of Redis is lost in the middle of imports, and Sentinels make its replica the master."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import redis
import requests

from imageimport.metrics.counters import SWEPT
from tests.support.house import KIB, House
from tests.support.services.sentinels import Sentinels, start_sentinels
from tests.system.conftest import MakeHouse

IMPORTS = 20
#: Sentinels take seconds to agree, worker and beat then connect again; several times as long on a busy machine.
BACK = 120.0


@pytest.fixture(scope="module")
def sentinels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sentinels]:
    found = start_sentinels(tmp_path_factory.mktemp("sentinels"))
    yield found
    found.stop()


@pytest.fixture(scope="module")
def house(sentinels: Sentinels, make_house: MakeHouse) -> House:
    return make_house(REDIS_URL=sentinels.url)


def test_a_failover_in_the_middle_of_twenty_imports_loses_none_and_work_goes_on_by_the_new_master(
    house: House, sentinels: Sentinels
) -> None:
    slow = []
    tasks = []
    for number in range(IMPORTS):
        image = house.image(f"failover/{number}", [512 * KIB])
        # Slower than twenty are asked for, on a busy machine too.
        slow.append(house.slow(image.blobs[1].digest, 4 * KIB))
        tasks.append(house.submit(f"failover/{number}"))
    house.until_counts(running=4, pending=IMPORTS - 4)
    sentinels.master.running.kill()
    during = house.submit_reference(
        house.reference("failover/0"), target_tag="asked-while-there-was-no-master"
    )
    for throttle in slow:
        throttle.release()
    sentinels.until_failed_over()
    for task in [*tasks, during]:
        house.succeed(task, timeout=BACK)
        assert house.outcomes(task) == [(1, "success")]
    assert requests.get(f"{house.portal.url}/readyz", timeout=10).json()["redis"] == "ok"
    _until_swept_again(sentinels)


def _until_swept_again(sentinels: Sentinels) -> None:
    """Beat has sent a sweep by the new master, a worker has taken it from there, and noted it there."""
    swept = f"portal:1:{SWEPT}"
    deadline = time.monotonic() + BACK
    with redis.Redis.from_url(sentinels.replica.url) as master:
        master.delete(swept)
        while not master.exists(swept):
            assert time.monotonic() < deadline, "nothing comes by the new master"
            time.sleep(0.2)
