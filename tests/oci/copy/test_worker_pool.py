"""Threads that the steps of a copy share."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from contextvars import ContextVar

import pytest

from oci.copy.worker_pool import WorkerPool

NAME: ContextVar[str] = ContextVar("name", default="")


def test_results_come_in_order_with_the_callers_context() -> None:
    NAME.set("mine")
    with closing(WorkerPool(3)) as workers:
        assert list(workers.map(lambda n: (n, NAME.get()), range(9))) == [(n, "mine") for n in range(9)]


def test_steps_share_their_threads() -> None:
    with closing(WorkerPool(2)) as workers:
        names = {
            name
            for _ in range(5)
            for name in workers.map(lambda _: threading.current_thread().name, range(8))
        }
    assert len(names) <= 2


def test_the_first_error_is_raised_in_its_place() -> None:
    with closing(WorkerPool(2)) as workers:
        results = workers.map(lambda n: 1 // n, [1, 0, 1])
        assert next(results) == 1
        with pytest.raises(ZeroDivisionError):
            next(results)


def test_a_failure_stops_what_runs_and_what_has_not_begun_never_begins() -> None:
    failed = threading.Event()
    begun: list[int] = []

    def work(n: int) -> int:
        begun.append(n)
        if n == 0:
            raise ValueError
        assert failed.wait(60)
        return n

    with closing(WorkerPool(2)) as workers:
        first, second, *others = workers.all(work, range(6), failed=failed.set)
    assert isinstance(first.exception(), ValueError)
    assert second.result() == 1
    # The thread that failed may have taken one more before anyone could say so.
    assert sum(future.cancelled() for future in others) >= 3
    assert len(begun) <= 3


def test_closing_waits_for_what_runs_and_begins_nothing_more() -> None:
    done: list[int] = []

    def work(n: int) -> None:
        time.sleep(0.1)
        done.append(n)

    workers = WorkerPool(1)
    results = workers.map(work, range(9))
    next(results)
    workers.close()
    assert done in ([0], [0, 1])
