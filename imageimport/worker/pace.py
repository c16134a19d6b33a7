"""How fast an import is, over some minutes: too slow to keep its place while imports of others wait for it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final

from django.conf import settings

#: So many looks are kept of the time that is judged.
_LOOKS: Final = 20


class Pace:
    """Bytes over time; one for each attempt.

    :param gave_way: how often this import gave its place back already. It is then judged over a longer time, each time
        twice as long, so that a slow line brings a large layer in the end.
    """

    def __init__(self, *, gave_way: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seconds = settings.IMPORT_SLOW_SECONDS * 2.0 ** min(gave_way, 16)
        self._looks: deque[tuple[float, int]] = deque([(clock(), 0)])

    def is_slow(self, moved: int) -> bool:
        """Whether less than ``IMPORT_SLOW_BYTES`` a second came over the whole of the time that is judged.

        :param moved: bytes of this attempt so far.
        """
        now = self._clock()
        if now - self._looks[-1][0] >= self._seconds / _LOOKS:
            self._looks.append((now, moved))
        while len(self._looks) > 1 and now - self._looks[1][0] >= self._seconds:
            self._looks.popleft()
        since, before = self._looks[0]
        passed = now - since
        return passed >= self._seconds and moved - before < settings.IMPORT_SLOW_BYTES * passed
