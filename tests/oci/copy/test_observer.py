"""Observers are called by one thread at a time; flights let one of many move a blob."""

from __future__ import annotations

import threading
import time

from oci.copy.observer import LocalFlights, OneAtATime, Silent
from tests.oci.copying import Recorder


class _Slow(Recorder):
    """Notices when two calls overlap."""

    inside = 0
    overlapped = False

    def reused(self, count: int) -> None:
        self.inside += 1
        self.overlapped = self.overlapped or self.inside > 1
        time.sleep(0.01)
        self.inside -= 1


def test_calls_of_many_threads_come_one_after_the_other() -> None:
    slow = _Slow()
    serial = OneAtATime(slow)
    threads = [threading.Thread(target=serial.reused, args=(1,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not slow.overlapped


def test_everything_is_passed_on() -> None:
    recorder = Recorder()
    serial = OneAtATime(recorder)
    serial.layers([])
    serial.layer("sha256:a", "copying", 3)
    serial.reused(5)
    serial.waiting("%(host)s", {"host": "x"}, None)
    serial.retried()
    assert recorder.states == {"sha256:a": [("copying", 3)]}
    assert (recorder.reused_bytes, recorder.retries, recorder.sentences()) == (5, 1, ["x"])


def test_nobody_has_to_listen() -> None:
    silent = Silent()
    silent.layers([])
    silent.layer("sha256:a", "done", 1)
    silent.reused(1)
    silent.waiting("", {}, None)
    silent.retried()


class TestLocalFlights:
    def test_one_flies_and_the_others_wait(self) -> None:
        flights = LocalFlights()
        flight = flights.begin("a")
        assert flight is not None
        assert flights.begin("a") is None
        assert flights.begin("b") is not None
        seen: list[int] = []
        flight.progress(7)
        assert not flights.wait("a", 0.05, seen.append)
        assert seen == [7]

    def test_an_end_wakes_who_waits(self) -> None:
        flights = LocalFlights()
        flight = flights.begin("a")
        assert flight is not None
        threading.Timer(0.1, flight.end, args=(True,)).start()
        started = time.monotonic()
        assert flights.wait("a", 10, lambda _done: None)
        assert time.monotonic() - started < 2
        assert flights.begin("a") is not None

    def test_what_nobody_flies_need_not_be_waited_for(self) -> None:
        assert LocalFlights().wait("a", 10, lambda _done: None)
