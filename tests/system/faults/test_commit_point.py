"""Crashes, stops and cancels around the one moment that counts: when the target's tag is put."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from testbed.services import RegistryServer, start_registry
from testbed.tcp_proxy import TcpProxy
from tests.support.house import KIB, LEASE, House
from tests.system.conftest import MakeHouse

TAKEN_OVER = LEASE + 30.0


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    found = start_registry(tmp_path_factory.mktemp("target"))
    yield found
    found.running.stop()


@pytest.fixture(scope="module")
def wire(target: RegistryServer) -> Iterator[TcpProxy]:
    """What the portal reaches its target through."""
    with TcpProxy((target.plan.http.host, target.plan.http.port)) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def house(target: RegistryServer, wire: TcpProxy, make_house: MakeHouse) -> House:
    """One try only: whoever needs a second one here has done the first one wrong."""
    return make_house(
        target=target, REGISTRY_URL=f"http://{wire.address}", REGISTRY_AUTH="none", IMPORT_MAX_ATTEMPTS="1"
    )


def put_of_tag(name: str) -> bytes:
    """The request that puts the tag."""
    return rb"PUT /v2/faults/%b/manifests/1 " % name.encode("ascii")


def put_by_digest(name: str) -> bytes:
    """The request that puts the image's manifest under its digest."""
    return rb"PUT /v2/faults/%b/manifests/sha256:" % name.encode("ascii")


class Once:
    """Acts in the middle of a request of the import named ``name``, once the test has told its id."""

    def __init__(self, act: Callable[[str], object]) -> None:
        self._act = act
        self._told = threading.Event()
        self.done = threading.Event()
        self.task = ""

    def tell(self, task: str) -> str:
        self.task = task
        self._told.set()
        return task

    def __call__(self) -> None:
        assert self._told.wait(60)
        self._act(self.task)
        self.done.set()


def begin(
    house: House, wire: TcpProxy, name: str, pattern: bytes, act: Callable[[str], object], **when: bool
) -> str:
    """Submit an import and act in the middle of one of its requests; its id once that is done."""
    once = Once(act)
    wire.trip(pattern, once, **when)
    house.image(name, [64 * KIB, 32 * KIB])
    task = once.tell(house.submit(name))
    assert once.done.wait(30), house.said()
    return task


def killed(house: House) -> Callable[[str], object]:
    """The process that works at the import dies, and is dead before the request goes on."""

    def kill(task: str) -> None:
        house.kill_runner_of(task)
        time.sleep(0.2)

    return kill


def test_killed_between_blobs_and_manifest(house: House, wire: TcpProxy) -> None:
    """Nothing was put yet: with the tries used up the import is lost, and there is no tag."""
    task = begin(house, wire, "before/manifest", put_by_digest("before/manifest"), killed(house))
    house.fail(task, "worker_lost", timeout=TAKEN_OVER)
    assert not house.has_tag("faults/before/manifest", "1")


def test_killed_right_before_the_tag(house: House, wire: TcpProxy) -> None:
    """From here on nobody can know whether the tag moved, so it is carried through, whatever the limit says."""
    task = begin(house, wire, "before/tag", put_of_tag("before/tag"), killed(house))
    done = house.succeed(task, timeout=TAKEN_OVER)
    assert house.outcomes(task) == [(1, "lost"), (2, "success")]
    assert done.bytes_done == done.bytes_total


def test_killed_after_the_tag_before_the_row(house: House, wire: TcpProxy) -> None:
    task = begin(house, wire, "after/tag", put_of_tag("after/tag"), killed(house), answered=True)
    assert house.has_tag("faults/after/tag", "1")
    house.succeed(task, timeout=TAKEN_OVER)
    assert house.outcomes(task) == [(1, "lost"), (2, "success")]
    blobs = [each.path for each in house.source.seen("GET", "after/tag/blobs/")]
    assert len(blobs) == len(set(blobs)), "no blob was moved twice"


def test_a_cancel_while_the_tag_is_put_comes_too_late(house: House, wire: TcpProxy) -> None:
    answers = []

    def cancel(task: str) -> None:
        answers.append(house.portal.call("POST", f"/projects/{house.project()}/images/import/{task}/cancel"))
        time.sleep(1)

    task = begin(house, wire, "cancel/late", put_of_tag("cancel/late"), cancel)
    house.succeed(task)
    assert (answers[0].status_code, answers[0].json()["code"]) == (409, "not_cancelable")


def test_a_cancel_right_before_the_tag_leaves_it(house: House, wire: TcpProxy) -> None:
    answers = []

    def cancel(task: str) -> None:
        answers.append(house.portal.call("POST", f"/projects/{house.project()}/images/import/{task}/cancel"))
        time.sleep(1)

    task = begin(house, wire, "cancel/soon", put_by_digest("cancel/soon"), cancel)
    assert house.until_ended(task).status == "canceled"
    assert answers[0].status_code == 202
    assert not house.has_tag("faults/cancel/soon", "1")


def test_a_stop_while_the_tag_is_put_lets_it_be_put(house: House, wire: TcpProxy) -> None:
    old = house.worker_pid()

    def stop(_task: str) -> None:
        os.kill(old, signal.SIGTERM)
        time.sleep(1.5)

    task = begin(house, wire, "stop/late", put_of_tag("stop/late"), stop)
    house.succeed(task)
    assert house.outcomes(task) == [(1, "success")]
    house.until_worker(other_than=old)


def test_a_lost_answer_to_the_tag_is_asked_again(house: House, wire: TcpProxy) -> None:
    task = begin(
        house, wire, "answer/lost", put_of_tag("answer/lost"), lambda _task: wire.reset_all(), answered=True
    )
    house.succeed(task)
    assert house.outcomes(task) == [(1, "success")]


def test_a_target_that_dies_at_the_tag_is_waited_for(house: House, wire: TcpProxy) -> None:
    """The tag may have moved: saying failed would be a guess."""
    house.portal.call("GET", "/projects")
    task = begin(
        house, wire, "target/dies", put_of_tag("target/dies"), lambda _task: wire.refuse(), answered=True
    )
    row = house.until(
        task, lambda row: "Can't reach the target registry" in row.message or "retrying" in row.message
    )
    assert row.status in {"running", "pending"}
    wire.accept()
    house.succeed(task, timeout=60)


def test_a_frozen_worker_at_the_tag_puts_nothing_over_its_successor(house: House, wire: TcpProxy) -> None:
    """It wakes when another attempt has put what the source names by then."""
    frozen = []
    task = begin(
        house,
        wire,
        "frozen/tag",
        put_by_digest("frozen/tag"),
        lambda task: frozen.append(house.freeze_runner_of(task)),
    )
    # One try only: the frozen attempt counts as lost, and the import fails without a tag.
    house.fail(task, "worker_lost", timeout=TAKEN_OVER)
    newer = house.image("frozen/tag", [48 * KIB])
    second = house.succeed(house.submit("frozen/tag"))
    os.kill(frozen[0], signal.SIGCONT)
    time.sleep(2)
    assert house.verify("faults/frozen/tag", "1") == newer.digest == second.digest
