"""The one place that tries again: how often, how long, and who pays for the time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from oci.cancel import CancelToken
from oci.errors import OciError
from oci.registry.faults import RetryableError
from oci.registry.retry import FORGIVING_BYTES, Retrier, RetryBudget, RetryPolicy
from tests.oci.copying import Recorder, quick_budget


class Clock:
    """Time that passes only when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _again(**more: object) -> RetryableError:
    return RetryableError(OciError("source_error", "It broke.", retryable=True), **more)  # type: ignore[arg-type]


def _failing(times: int, fault: Callable[[], RetryableError] = _again) -> Callable[[], str]:
    left = times

    def operation() -> str:
        nonlocal left
        left -= 1
        if left >= 0:
            raise fault()
        return "done"

    return operation


def _retrier(budget: RetryBudget | None = None, observer: Recorder | None = None) -> Retrier:
    observer = observer or Recorder()
    policy = RetryPolicy(budget=budget or quick_budget(), on_wait=observer.waiting, on_retry=observer.retried)
    return Retrier(policy, CancelToken())


def test_four_failures_are_forgiven_and_a_fifth_is_not() -> None:
    observer = Recorder()
    assert _retrier(observer=observer).run(_failing(4)) == "done"
    assert observer.retries == 4
    with pytest.raises(OciError, match="It broke"):
        _retrier().run(_failing(5))


def test_what_is_no_passing_fault_goes_straight_out() -> None:
    def operation() -> None:
        raise OciError("not_found", "No.")

    with pytest.raises(OciError, match="No"):
        _retrier().run(operation)


def test_pauses_double_up_to_thirty_seconds_with_jitter() -> None:
    budget = RetryBudget()
    for failures, longest in ((1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 30), (9, 30)):
        assert longest * 0.75 <= budget.pause(failures) <= longest
    assert len({budget.pause(5) for _ in range(20)}) > 1


def test_time_counts_from_the_first_failure_until_it_works_again() -> None:
    clock = Clock()
    budget = RetryBudget(seconds=60, clock=clock)
    budget.enter()
    clock.now += 10
    assert budget.left() == 50
    budget.leave()
    clock.now += 1000
    assert budget.left() == 50


def test_threads_that_wait_together_pay_once() -> None:
    clock = Clock()
    budget = RetryBudget(seconds=60, clock=clock)
    for _ in range(4):
        budget.enter()
    clock.now += 10
    for _ in range(4):
        budget.leave()
    assert budget.left() == 50


def test_a_pause_that_the_budget_does_not_hold_is_not_begun() -> None:
    with pytest.raises(OciError, match="It broke"):
        _retrier(RetryBudget(seconds=0.5, first=1.0)).run(_failing(1))


def test_a_retry_after_that_the_budget_does_not_hold_frees_the_worker() -> None:
    with pytest.raises(OciError) as caught:
        _retrier(RetryBudget(seconds=5)).run(_failing(1, lambda: _again(retry_after=50.0)))
    assert caught.value.code == "rate_limited"
    assert caught.value.retry_after == 50.0


def test_more_than_a_minute_is_never_sat_out_however_large_the_budget() -> None:
    with pytest.raises(OciError) as caught:
        _retrier(RetryBudget(seconds=1000)).run(_failing(1, lambda: _again(retry_after=61.0)))
    assert caught.value.code == "rate_limited"


def test_a_kind_of_fault_may_have_fewer_tries() -> None:
    with pytest.raises(OciError):
        _retrier().run(_failing(2, lambda: _again(tries=2)))
    assert _retrier().run(_failing(1, lambda: _again(tries=2))) == "done"


def test_a_cure_that_needs_no_pause_gets_none() -> None:
    observer = Recorder()
    _retrier(RetryBudget(first=30.0), observer).run(_failing(1, lambda: _again(at_once=True)))
    assert not observer.waits


def test_bytes_that_moved_forgive_cuts_but_not_lies() -> None:
    retrier = _retrier()
    with retrier.attempts() as attempts:
        for _ in range(20):
            attempts.failed(_again())
            attempts.moved(FORGIVING_BYTES)
        attempts.failed(_again(tries=2))
        attempts.moved(FORGIVING_BYTES)
        with pytest.raises(OciError):
            attempts.failed(_again(tries=2))


def test_a_few_bytes_forgive_nothing() -> None:
    with _retrier().attempts() as attempts:
        for _ in range(4):
            attempts.failed(_again())
            attempts.moved(1000)
        with pytest.raises(OciError):
            attempts.failed(_again())


def test_a_wait_ends_when_it_has_become_pointless() -> None:
    class PointlessError(Exception):
        pass

    def stop() -> None:
        raise PointlessError

    with pytest.raises(PointlessError), _retrier(RetryBudget(first=30.0)).attempts(stop) as attempts:
        attempts.failed(_again())
