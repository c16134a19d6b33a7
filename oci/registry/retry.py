"""The one place that tries again.

Everything below (connections, sessions, sign-in) makes one try and raises :class:`~oci.registry.faults.RetryableError`
when another may help; everything above sees only final errors. A budget, shared by all threads and both registries
of one attempt, keeps the time spent on retries bounded however many layers fail at once.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from oci.cancel import CancelToken
from oci.errors import OciError, gettext_noop
from oci.limits import (
    CANCEL_POLL_SECONDS,
    INLINE_WAIT_SECONDS,
    MAX_RETRY_SECONDS,
    RETRY_BUDGET_SECONDS,
    RETRY_FIRST_SECONDS,
    TRIES,
)
from oci.registry.faults import RetryableError, asked_to_wait

T = TypeVar("T")

#: Told of every wait: sentence template, its parameters, and when it ends (seconds since the epoch).
OnWait = Callable[[str, dict[str, str | int | float], float], None]

#: Bytes that must have moved since the last cut before it counts as the first one again.
FORGIVING_BYTES: Final = 8 * 1024 * 1024
#: New bytes since the last cut that make the next one no failure: it costs no try, no pause and nothing of the budget.
#: So few that every line which moves at all gets on, so many that a source can't have us ask for each byte.
PROGRESS_BYTES: Final = 64 * 1024
#: What a rate limit without a Retry-After is worth, once waiting inline did not help.
UNSAID_WAIT_SECONDS: Final = 120.0


def no_wait_shown(_template: str, _params: dict[str, str | int | float], _until: float) -> None:
    """For callers without an audience."""


def no_retry_shown() -> None:
    """For callers without an audience."""


class RetryBudget:
    """Wall time for retries of one attempt of an import, and the shape of the pauses. Thread-safe.

    Time runs from the first failure of an operation until it succeeds or moves bytes; threads that fail at
    the same time (a registry restarts) share it. Any number of retries costs nothing as long as time is left.
    """

    def __init__(
        self,
        *,
        seconds: float = RETRY_BUDGET_SECONDS,
        tries: int = TRIES,
        first: float = RETRY_FIRST_SECONDS,
        most: float = MAX_RETRY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.seconds = seconds
        self.tries = tries
        self._first = first
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._active = 0
        self._since = 0.0
        self._used = 0.0

    def pause(self, failures: int) -> float:
        """Seconds before the try after ``failures`` failed ones: doubling, with jitter downwards."""
        pause = min(self._most, self._first * 2.0 ** (failures - 1))
        return pause * random.uniform(0.75, 1.0)

    def left(self) -> float:
        with self._lock:
            running = self._clock() - self._since if self._active else 0.0
            return self.seconds - self._used - running

    def enter(self) -> None:
        with self._lock:
            if self._active == 0:
                self._since = self._clock()
            self._active += 1

    def leave(self) -> None:
        with self._lock:
            self._active -= 1
            if self._active == 0:
                self._used += self._clock() - self._since


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often something is tried, and who is told.

    :param budget: of time for retries; those who share it share the time.
    :param tries: of one operation; None: as the budget says.
    :param on_wait: told of every pause; called from the thread that waits.
    :param on_retry: called once for every try after a failed one.
    """

    budget: RetryBudget = field(default_factory=RetryBudget)
    tries: int | None = None
    on_wait: OnWait = no_wait_shown
    on_retry: Callable[[], None] = no_retry_shown


class Retrier:
    """Runs operations of one registry by a policy."""

    def __init__(self, policy: RetryPolicy, cancel: CancelToken) -> None:
        self.budget = policy.budget
        self.cancel = cancel
        self.on_wait = policy.on_wait
        self.on_retry = policy.on_retry
        self.tries = policy.tries if policy.tries is not None else policy.budget.tries

    def attempts(self, stop: Callable[[], None] = lambda: None) -> Attempts:
        """Counts the tries of one operation.

        :param stop: raises when the operation has become pointless; looked at while waiting.
        """
        return Attempts(self, stop)

    def run(self, operation: Callable[[], T], *, before_retry: Callable[[], None] | None = None) -> T:
        """The result of ``operation``, tried again while it raises :class:`RetryableError` and the budget lasts.

        :param before_retry: called before each try but the first; what it raises ends the tries.
        :raises OciError: the last failure, when no try is left.
        """
        with self.attempts() as attempts:
            while True:
                try:
                    return operation()
                except RetryableError as again:
                    attempts.failed(again)
                if before_retry is not None:
                    before_retry()


class Attempts:
    """The tries of one operation. Belongs to one thread; a context, so that its time in the budget ends."""

    def __init__(self, retrier: Retrier, stop: Callable[[], None]) -> None:
        self._retrier = retrier
        self._stop = stop
        self._failures = 0
        #: Failures by kind, for kinds with a limit of their own; cured ones may be forgiven, lies are not.
        self._of_kind: Counter[tuple[str, bool]] = Counter()
        self._moved = 0
        self._retrying = False

    def __enter__(self) -> Attempts:
        return self

    def __exit__(self, *_: object) -> None:
        self._settle()

    def _settle(self) -> None:
        if self._retrying:
            self._retrying = False
            self._retrier.budget.leave()

    def moved(self, count: int) -> None:
        """``count`` new bytes arrived: what was tried again works."""
        self._settle()
        self._moved += count
        if self._moved >= FORGIVING_BYTES and self._failures:
            self._failures = 0
            self._of_kind = Counter({kind: count for kind, count in self._of_kind.items() if not kind[1]})

    def failed(self, again: RetryableError, *, came: int = 0) -> None:
        """Wait for the next try; not at all after a cut that followed progress.

        :param came: new bytes since the last failure.
        :raises OciError: there is none: too many, too long, or no time left in the budget.
        """
        retrier = self._retrier
        retrier.cancel.check()
        if again.is_cut and came >= PROGRESS_BYTES:
            self._settle()
            retrier.on_retry()
            return
        self._failures += 1
        self._moved = 0
        if self._failures >= retrier.tries or self._too_often(again):
            raise self._final(again) from None
        pause = 0.0 if again.at_once else retrier.budget.pause(self._failures)
        if again.retry_after is not None:
            pause = again.retry_after
            if pause > INLINE_WAIT_SECONDS or pause > retrier.budget.left():
                raise _too_long(again, pause) from None
        elif pause > retrier.budget.left():
            raise self._final(again) from None
        if not self._retrying:
            self._retrying = True
            retrier.budget.enter()
        retrier.on_retry()
        if pause:
            template, params = _why(again)
            retrier.on_wait(template, {**params, "seconds": round(pause, 1)}, time.time() + pause)
            self._wait(pause)

    def _too_often(self, again: RetryableError) -> bool:
        if again.tries is None:
            return False
        kind = (again.error.template, again.at_once)
        self._of_kind[kind] += 1
        return self._of_kind[kind] >= again.tries

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._stop()
            self._retrier.cancel.wait(min(left, CANCEL_POLL_SECONDS))

    def _final(self, again: RetryableError) -> OciError:
        if again.limited and again.error.retry_after is None:
            again.error.retry_after = UNSAID_WAIT_SECONDS
        return again.error


def _too_long(again: RetryableError, pause: float) -> OciError:
    host = str(again.error.params.get("host", ""))
    return asked_to_wait(host, pause)


def _why(again: RetryableError) -> tuple[str, dict[str, str | int | float]]:
    host = str(again.error.params.get("host", ""))
    if again.limited or again.retry_after is not None:
        return gettext_noop("%(host)s asks to wait; continuing in %(seconds)s seconds."), {"host": host}
    return gettext_noop("%(host)s failed; retrying in %(seconds)s seconds."), {"host": host}
