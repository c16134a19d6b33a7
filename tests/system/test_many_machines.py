"""Two workers on two machines: a network namespace, a disk and a name each; what they share is only on the network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.house import KIB
from tests.support.networks.installation import LEASE, PROCESSES, Installation
from tests.support.networks.machines import Network

#: Imports of a batch: four rounds of one worker, two of two.
COUNT = 4 * PROCESSES


@pytest.fixture(scope="module")
def disks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("disks")


@pytest.fixture(scope="module")
def network(disks: Path) -> Iterator[Network]:
    with Network(disks) as found:
        yield found


@pytest.fixture(scope="module")
def installation(
    network: Network, disks: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    with ExitStack() as stack:
        yield Installation(network, tmp_path_factory.mktemp("installation"), stack)


def test_two_machines_share_a_batch_and_one_that_is_cut_off_is_taken_over(
    installation: Installation, network: Network, tmp_path_factory: pytest.TempPathFactory
) -> None:
    hidden = tmp_path_factory.getbasetemp()
    machines = {name: network.machine(name, hidden=hidden) for name in ("one", "two")}
    workers = {"one": installation.start_worker(machines["one"])}
    alone, took_part = installation.batch("alone", COUNT, size=600 * KIB, rate=400 * KIB)
    assert took_part == {"one": COUNT}

    workers["two"] = installation.start_worker(machines["two"])
    together, took_part = installation.batch("together", COUNT, size=600 * KIB, rate=400 * KIB)
    assert min(took_part["one"], took_part["two"]) >= PROCESSES, took_part
    assert alone <= PROCESSES < together <= 2 * PROCESSES, (alone, together)

    # Another cable is pulled in the middle of a layer.
    slow = installation.image("cut/off", 2048 * KIB, 300 * KIB)
    task = installation.submit("cut/off")
    row = installation.until(task, lambda row: row.status == "running" and row.bytes_done > 300 * KIB)
    lost = row.lease_owner.split(":")[0]
    kept = ({"one", "two"} - {lost}).pop()
    machines[lost].cut_off()
    installation.until(task, lambda row: row.fence == 2, timeout=LEASE + 10)
    slow.release()
    done = installation.succeed(task)
    assert done.attempts == 2
    history = installation.rows.attempts(task)
    assert [(each.worker.split(":")[0], each.outcome) for each in history] == [
        (lost, "lost"),
        (kept, "success"),
    ]

    # The tag has moved on when the lost machine is back: a late write of its would show.
    installation.image("moved/on", 100 * KIB)
    newer = installation.succeed(installation.submit("moved/on", target_name=done.target_name))
    assert newer.digest != done.digest
    machines[lost].connect()
    workers[kept].stop()
    installation.image("back/again", 100 * KIB)
    again = installation.succeed(installation.submit("back/again"))
    assert installation.rows.attempts(again.id)[-1].worker.split(":")[0] == lost
    workers[lost].stop()
    assert installation.rows.task(task) == done
    assert installation.rows.task(newer.id) == newer
    assert installation.tag(newer) == newer.digest
    assert [each.outcome for each in installation.rows.attempts(task)] == ["lost", "success"]
    # What went over the network is all there was: nothing of an image is on a machine's disk.
    stored = [path for each in machines.values() for path in each.disk.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in stored) < 64 * KIB, stored
