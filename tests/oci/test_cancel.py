"""A cancel acts at once, wherever the import is, and leaves no upload session behind."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable

import pytest

from oci.cancel import CancelToken
from oci.copy.image_copier import ImageCopier
from oci.errors import Canceled
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry, refuse, stall, too_many
from tests.oci.copying import Recorder, copier, quick_budget

IMAGE = random_image([3_000_000], seed=61)
BLOB = f"/blobs/{IMAGE.blobs[1].digest}"
#: What is waited for takes minutes: far longer than a cancel on a machine that is busy with other tests. Seconds.
SOON, LONG = 20.0, 300.0


def _cancel_soon(cancel: CancelToken, made: ImageCopier, after: Callable[[], object]) -> float:
    """Run until canceled; seconds from the cancel to the end."""
    canceled_at = 0.0

    def pull_the_plug() -> None:
        nonlocal canceled_at
        after()
        canceled_at = time.monotonic()
        cancel.cancel("by test")

    thread = threading.Thread(target=pull_the_plug)
    thread.start()
    with pytest.raises(Canceled) as caught:
        made.sign_in()
        made.pull()
        made.tag()
        made.push()
    ended = time.monotonic()
    thread.join()
    made.cleanup()
    assert caught.value.reason == "by test"
    return ended - canceled_at


def test_inside_a_silent_layer(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", IMAGE)
    source.rule("GET", BLOB, stall(2_000_000))
    cancel, observer = CancelToken(), Recorder()
    made = copier(source, target, cancel=cancel, observer=observer, source_options={"stall_seconds": LONG})

    def layer_stands_still() -> None:
        assert observer.moving.wait(60)
        time.sleep(0.3)

    assert _cancel_soon(cancel, made, layer_stands_still) < SOON
    assert target.repository("team/app").uploads == {}, "the session was deleted"
    assert target.seen("DELETE", "/blobs/uploads/")
    assert "v1" not in target.repository("team/app").manifests


def test_while_the_target_takes_nothing(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    big = random_image([40_000_000], seed=62)
    source.add_image("library/app", "v1", big)
    stuck = threading.Event()

    def never(*_: object) -> None:
        stuck.set()
        target._stopping.wait(LONG)

    target.before_body = never
    cancel = CancelToken()
    made = copier(source, target, cancel=cancel, parallel=1)

    def target_is_stuck() -> None:
        assert stuck.wait(60)
        time.sleep(0.5)

    assert _cancel_soon(cancel, made, target_is_stuck) < SOON


def test_during_a_pause_between_tries(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", IMAGE)
    source.rule("GET", BLOB, refuse(500, "UNKNOWN"))
    cancel, observer = CancelToken(), Recorder()
    slow = {"budget": quick_budget(first=LONG, most=LONG, seconds=10 * LONG)}
    made = copier(source, target, cancel=cancel, observer=observer, source_options=slow, target_options=slow)

    def waiting() -> None:
        while not observer.waits:
            time.sleep(0.05)

    assert _cancel_soon(cancel, made, waiting) < SOON


def test_during_a_retry_after(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", IMAGE)
    source.rule("HEAD", "/manifests/", too_many("60"))
    cancel, observer = CancelToken(), Recorder()
    made = copier(source, target, cancel=cancel, observer=observer)

    def waiting() -> None:
        while not observer.waits:
            time.sleep(0.05)

    assert _cancel_soon(cancel, made, waiting) < SOON


def test_before_it_began(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    cancel = CancelToken()
    cancel.cancel("early")
    made = copier(source, target, cancel=cancel)
    with pytest.raises(Canceled, match="early"):
        made.sign_in()
    assert not source.requests


def test_cleaning_up_twice_or_without_need_is_harmless(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    made = copier(source, target)
    made.cleanup()
    made.cleanup()


class TestCancelToken:
    def test_the_first_reason_stays(self) -> None:
        cancel = CancelToken()
        cancel.cancel("first")
        cancel.cancel("second")
        with pytest.raises(Canceled, match="first"):
            cancel.check()

    def test_a_sleeper_wakes(self) -> None:
        cancel = CancelToken()
        threading.Timer(0.1, cancel.cancel).start()
        started = time.monotonic()
        with pytest.raises(Canceled):
            cancel.wait(LONG)
        assert time.monotonic() - started < SOON

    def test_a_socket_that_comes_too_late_is_shut(self) -> None:
        cancel = CancelToken()
        cancel.cancel()
        one, other = socket.socketpair()
        with one, other:
            with pytest.raises(Canceled):
                cancel.watch(one)
            assert other.recv(1) == b""

    def test_a_forgotten_socket_is_left_alone(self) -> None:
        cancel = CancelToken()
        one, other = socket.socketpair()
        with one, other:
            cancel.watch(one)
            cancel.forget(one)
            cancel.cancel()
            one.sendall(b"x")
            assert other.recv(1) == b"x"


def test_a_block_that_takes_too_long_is_canceled_and_one_that_ends_in_time_is_not() -> None:
    cancel = CancelToken()
    with cancel.after(30):
        cancel.check()
    assert not cancel.canceled
    with cancel.after(0.05), pytest.raises(Canceled) as ended:
        cancel.wait(30)
    assert ended.value.reason == "timeout"
