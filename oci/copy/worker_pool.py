"""The threads that the steps of one copy share: most images are so small that making new ones for each step would
take longer than the step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class WorkerPool:
    """Up to ``size`` threads, made when first needed. A step must not wait for another one inside of it. Close it."""

    def __init__(self, size: int) -> None:
        self._pool = ThreadPoolExecutor(max_workers=size, thread_name_prefix="crew")

    def close(self) -> None:
        """Begin nothing more, and wait for what runs."""
        self._pool.shutdown(cancel_futures=True)

    def map(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Results in order, as they come. All items are begun when the first result is asked for; the first error is
        raised in its place, and what has not begun by then never begins.
        """
        futures = [self._begin(work, item) for item in items]
        futures.reverse()
        try:
            while futures:
                yield futures.pop().result()
        finally:
            for future in futures:
                future.cancel()

    def all(
        self, work: Callable[[Item], Result], items: Iterable[Item], *, failed: Callable[[], None]
    ) -> list[Future[Result]]:
        """Do all of them, and wait until nothing runs any more.

        :param failed: called once when the first of them failed, for those that run to stop; the others are never
            begun.
        """
        futures = [self._begin(work, item) for item in items]
        done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        if any(future.exception() for future in done):
            failed()
            for future in futures:
                future.cancel()
        wait(futures)
        return futures

    def _begin(self, work: Callable[[Item], Result], item: Item) -> Future[Result]:
        return self._pool.submit(copy_context().run, work, item)
