"""A worker killed at half of a layer of 200 MB: the same import goes on, and nothing complete is read again."""

from __future__ import annotations

import time

import pytest

from tests.support import invariants
from tests.support.footprint import footprint
from tests.support.house import KIB, LEASE, MIB, WORKER, House
from tests.system.conftest import MakeHouse

LARGE = 200 * 1000 * 1000


@pytest.fixture(scope="module")
def house(make_house: MakeHouse) -> House:
    return make_house(own_target=True)


def test_killed_at_half_of_a_large_layer(house: House) -> None:
    image = house.image("large", [256 * KIB, 512 * KIB, LARGE])
    slow = house.slow(image.blobs[3].digest, 60 * MIB)
    task = house.submit("large")
    house.until_moving(task, least=LARGE // 2)
    house.kill_runner_of(task)
    slow.release()
    house.until(task, lambda row: row.fence == 2, timeout=LEASE + 30)
    done = house.succeed(task)
    assert (done.attempts, house.outcomes(task)) == (2, [(1, "lost"), (2, "success")])
    reads = invariants.blob_reads(house.source)
    assert [reads[blob.digest] for blob in image.blobs[:3]] == [1, 1, 1]
    # The large one is slow enough for several connections: beside its parts, it was begun twice.
    begun = [each for each in house.source.seen("GET", image.blobs[3].digest) if "range" not in each.headers]
    assert len(begun) == 2


def test_memory_descriptors_and_sessions_return_to_their_baseline(house: House) -> None:
    """Ten imports more leave the workers as the first ones did, give or take what Python keeps. A process opens its
    files and connections with its first import: those that had one before are compared."""

    def run(number: int) -> None:
        house.image(f"small/{number}", [64 * KIB, 3 * MIB])
        house.succeed(house.submit(f"small/{number}"))

    for number in range(8):
        run(number)
    time.sleep(1)
    living = set(house.portal.pids(WORKER))
    worked = living & {int(each.worker.rpartition(":")[2]) for each in house.rows.attempts()}
    assert worked
    before = footprint(worked)
    for number in range(8, 18):
        run(number)
    time.sleep(1)
    after = footprint(worked)
    assert set(house.portal.pids(WORKER)) <= living
    assert after.processes == before.processes
    assert after.descriptors < before.descriptors + 10  # one that each import leaked would show
    assert after.threads <= before.threads + 2
    assert after.temporary <= before.temporary
    assert after.memory < before.memory + 48 * MIB
    assert [each for number in range(18) for each in house.uploads(f"small/{number}")] == []
