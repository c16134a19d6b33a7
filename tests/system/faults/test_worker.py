"""Workers that are killed, frozen, woken and told to stop, in the middle of a layer and around the tag."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest

from stack.paths import BIN, ROOT
from testbed.services import PostgresServer
from tests.support import invariants
from tests.support.house import BEAT, KIB, LEASE, SLOW, WORKER, House
from tests.system.conftest import MakeHouse, new_database, on_both

#: How long after its lease an import may stay with a lost worker (the issue's own number).
TAKEN_OVER = LEASE + 30.0


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest, make_house: MakeHouse) -> House:
    """One portal on each database for all tests of this module."""
    if request.param == "sqlite":
        return make_house()
    postgres: PostgresServer = request.getfixturevalue("postgres")
    return make_house(database_url=new_database(postgres))


def reads(house: House, name: str) -> list[int]:
    """How often each blob of an image was read: configuration, first layer, second layer."""
    found = invariants.blob_reads(house.source)
    return [found[blob.digest] for blob in house.images[name].blobs]


@on_both
def test_a_killed_child_costs_seconds_and_no_finished_layer(house: House) -> None:
    with house.caught_in_a_layer("killed/child") as task:
        house.kill_runner_of(task)
        house.until(task, lambda row: row.fence == 2, timeout=TAKEN_OVER)
    house.succeed(task)
    assert house.outcomes(task) == [(1, "lost"), (2, "success")]
    assert reads(house, "killed/child") == [1, 1, 2]


def test_a_killed_worker_is_started_again_and_goes_on(house: House) -> None:
    with house.caught_in_a_layer("killed/parent") as task:
        os.kill(house.worker_pid(), signal.SIGKILL)
        house.until(task, lambda row: row.fence == 2, timeout=TAKEN_OVER)
    house.succeed(task)
    assert house.outcomes(task) == [(1, "lost"), (2, "success")]
    assert reads(house, "killed/parent") == [1, 1, 2]


@on_both
def test_a_frozen_worker_that_wakes_late_changes_nothing(house: House) -> None:
    with house.caught_in_a_layer("frozen") as task:
        frozen = house.freeze_runner_of(task)
        house.until(task, lambda row: row.fence == 2, timeout=TAKEN_OVER)
    done = house.succeed(task)
    # The source has moved on, so a late tag of the first attempt would show.
    os.kill(frozen, signal.SIGCONT)
    time.sleep(2)
    assert house.rows.task(task) == done
    assert house.verify(done.repository, done.target_tag) == done.digest
    assert house.outcomes(task) == [(1, "lost"), (2, "success")]


@on_both
def test_a_stopped_worker_hands_back_and_burns_no_attempt(house: House) -> None:
    with house.caught_in_a_layer("stopped") as task:
        old = house.worker_pid()
        os.kill(old, signal.SIGTERM)
        house.until(task, lambda row: row.status == "pending")
        stopping = house.rows.task(task)
        assert (stopping.attempts, stopping.error_code) == (0, "")
        house.until_worker(other_than=old)
        house.until_moving(task)
    done = house.succeed(task)
    assert (done.attempts, house.outcomes(task)) == (1, [(1, "handed_back"), (1, "success")])
    assert reads(house, "stopped") == [1, 1, 2]


def test_a_cancel_inside_a_layer_takes_effect_within_seconds(house: House) -> None:
    with house.caught_in_a_layer("canceled", rate=SLOW // 5) as task:
        assert house.uploads("canceled"), "a layer is on its way"
        answer = house.portal.call("POST", f"/projects/{house.project()}/images/import/{task}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (202, "canceling")
        # Looked at before the layer, which takes 100 seconds, could have come to its end.
        ended = house.until_ended(task, timeout=60)
        assert ended.status == "canceled"
        assert house.uploads("canceled") == []
    again = house.portal.call("POST", f"/projects/{house.project()}/images/import/{task}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "not_cancelable")
    retried = house.portal.call("POST", f"/projects/{house.project()}/images/import/{task}/retry").json()
    house.accepted.append(retried["id"])
    house.succeed(retried["id"])
    assert reads(house, "canceled") == [1, 1, 2]


@on_both
def test_a_canceled_import_of_a_dead_worker_ends_canceled(house: House) -> None:
    with house.caught_in_a_layer("dead/canceled") as task:
        frozen = house.freeze_runner_of(task)
        house.portal.call("POST", f"/projects/{house.project()}/images/import/{task}/cancel")
        ended = house.until_ended(task, timeout=TAKEN_OVER)
        assert ended.status == "canceled"
        os.kill(frozen, signal.SIGKILL)
    assert house.rows.task(task) == ended


def test_without_beat_imports_run(house: House) -> None:
    beat = house.portal.main_pid(BEAT)
    os.kill(beat, signal.SIGSTOP)
    try:
        house.image("without/beat", [256 * KIB])
        house.succeed(house.submit("without/beat"))
    finally:
        os.kill(beat, signal.SIGKILL)  # the runner starts another one


def test_two_beats_and_two_workers_do_no_harm(house: House) -> None:
    celery = [str(BIN / "celery"), "--quiet", "-A", "registry_portal"]
    env = house.portal.environment() | {"WORKER_CONCURRENCY": "3"}
    second = [
        subprocess.Popen(
            [*celery, *arguments], env=env, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
        )
        for arguments in (["beat", "--pidfile="], ["worker", "--without-mingle", "--hostname", "second@%h"])
    ]
    try:
        with house.caught_in_a_layer("doubled") as task:
            house.kill_runner_of(task)
            house.until(task, lambda row: row.fence == 2, timeout=TAKEN_OVER)
        house.succeed(task)
        assert house.outcomes(task) == [(1, "lost"), (2, "success")]
    finally:
        for process in second:
            process.terminate()
        for process in second:
            process.wait(30)


def test_a_repeated_import_moves_no_blob_byte(house: House) -> None:
    image = house.image("repeated", [256 * KIB, 512 * KIB])
    first = house.succeed(house.submit("repeated"))
    before = house.source.seen("GET", "/blobs/")
    second = house.succeed(house.submit("repeated"))
    assert house.source.seen("GET", "/blobs/") == before
    assert (second.digest, second.bytes_done) == (first.digest, sum(blob.size for blob in image.blobs))


def test_everything_killed_at_once_and_started_again(house: House) -> None:
    with house.caught_in_a_layer("catastrophe") as running:
        house.image("catastrophe/waiting", [256 * KIB])
        waiting = house.submit("catastrophe/waiting", target_tag="other")
        everything = house.portal.pids()
        assert house.portal.process is not None
        os.kill(house.portal.process.pid, signal.SIGKILL)
        for pid in everything:
            house.kill(pid)
        house.portal.process.wait()
    house.portal.start()
    house.succeed(running)
    house.succeed(waiting)
    assert len(house.portal.pids(WORKER)) > 1
