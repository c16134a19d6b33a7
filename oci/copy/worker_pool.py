"""The threads that the steps of one copy share: most images are so small that making new ones for each step would
take longer than the step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from contextvars import copy_context
from typing import TypeVar

from oci.registry.connections import Share

Item = TypeVar("Item")
Result = TypeVar("Result")


class WorkerPool:
    """Up to ``size`` threads, made when first needed. A step must not wait for another one inside of it. Close it."""

    def __init__(self, size: int, share: Share | None = None) -> None:
        self.size = size
        self.share = share
        self._pool = ThreadPoolExecutor(max_workers=size, thread_name_prefix="copy")

    def close(self) -> None:
        """Begin nothing more, and wait for what runs."""
        self._pool.shutdown(cancel_futures=True)

    def map(
        self, work: Callable[[Item], Result], items: Iterable[Item], *, at_source: bool = True
    ) -> Iterator[Result]:
        """Results in order, as they come. All items are begun at once; the first error is raised in its place, and what
        has not begun by then never begins.

        :param at_source: each asks the source, and so needs its part of the connections to it.
        """
        begin = self.begin if at_source else self._begin_elsewhere
        return self._results([begin(work, item) for item in items])

    @staticmethod
    def _results(futures: list[Future[Result]]) -> Iterator[Result]:
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
        """Do all of them, and wait until nothing runs anymore. They mind the share by themselves.

        :param failed: called once when the first of them failed, for those that run to stop; the others are never
            begun.
        """
        futures = [self._pool.submit(copy_context().run, work, item) for item in items]
        done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        if any(future.exception() for future in done):
            failed()
            for future in futures:
                future.cancel()
        wait(futures)
        return futures

    def begin(self, work: Callable[[Item], Result], item: Item) -> Future[Result]:
        """One of them, which asks the source. A step may wait only for one that was begun before it."""
        return self._pool.submit(copy_context().run, self._asked, work, item)

    def begin_if_free(self, work: Callable[[], object]) -> None:
        """What helps if the source has a connection to spare, and is left out else."""
        self._pool.submit(copy_context().run, self._if_free, work)

    def _if_free(self, work: Callable[[], object]) -> None:
        with self.share.spare() if self.share is not None else nullcontext(True) as is_free:
            if is_free:
                work()

    def _begin_elsewhere(self, work: Callable[[Item], Result], item: Item) -> Future[Result]:
        return self._pool.submit(copy_context().run, work, item)

    def _asked(self, work: Callable[[Item], Result], item: Item) -> Result:
        with self.share.one() if self.share is not None else nullcontext():
            return work(item)
