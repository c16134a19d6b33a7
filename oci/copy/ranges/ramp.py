"""How many connections help one blob: begins with one, adds while the whole gets faster, gives back what does not help.

Times are monotonic seconds, sizes bytes.
"""

from __future__ import annotations

from typing import Final

#: A rate is measured over this long, once every connection has brought something.
_LOOK_SECONDS: Final = 0.3
#: A new connection has this long to bring its first byte before the rest is measured without it.
_PATIENCE_SECONDS: Final = 2.0
#: What is left must take this long over the connections there are: else it has come before more of them help. From afar
#: the time of a few round trips is enough: connections that are open wait there for their first byte, and for no more.
_WORTH_SECONDS: Final = 1.2
_WORTH_FROM_AFAR: Final = 0.5
#: All that the import reads must come faster by this, or the last connections are given back: one of its blobs may only
#: have taken from another. The first step is a large one, and pays by much or not at all.
_GROWTH: Final = 1.1
_FIRST_GROWTH: Final = 1.5
#: Of the time, what was spent waiting for the source; a target that is slower gains nothing by more of it.
_WAITING_SHARE: Final = 0.5
#: The first step, then doubling: a line that is worth a second connection is worth more.
_FIRST_STEP: Final = 4


class Ramp:
    """Judges by bytes that came. Belongs to one blob; its caller locks.

    :param most: connections.
    :param first: so many have helped another blob of the import, and are there from the beginning.
    :param is_far: the source answers late.
    """

    def __init__(self, most: int, now: float, *, first: int = 1, is_far: bool = False) -> None:
        self.count = min(first, most)
        #: So many have been seen to help.
        self.proven = 1
        self._worth = _WORTH_FROM_AFAR if is_far else _WORTH_SECONDS
        self._most = most
        self._before = 1
        self._total_rate = 0.0
        self._since = self._changed_at = now
        self._at, self._total_at, self._waited = 0, 0, 0.0
        self._settled = False
        self._done = most < 2

    def look(self, now: float, *, received: int, total: int, left: int, working: int, waited: float) -> int:
        """How many connections there should be.

        :param received: bytes of the blob so far, over all its connections.
        :param total: bytes of all blobs of the import so far.
        :param left: bytes that no one has asked for yet.
        :param working: connections that have brought something since the number last changed.
        :param waited: seconds of the time so far in which the target waited for the source.
        """
        if self._done or not self._is_measured(now, received, total, working, waited):
            return self.count
        passed = now - self._since
        rate, total_rate = (received - self._at) / passed, (total - self._total_at) / passed
        growth = _FIRST_GROWTH if self._before == 1 else _GROWTH
        if self.count > 1 and total_rate < self._total_rate * growth:
            self.count, self._done = self._before, True
            return self.count
        self.proven = self.count
        if self.count == self._most:
            self._done = True
        elif left > rate * self._worth and waited - self._waited > _WAITING_SHARE * passed:
            self._before, self._total_rate = self.count, total_rate
            self.count = min(self._most, _FIRST_STEP if self.count == 1 else 2 * self.count)
            self._changed_at, self._settled = now, False
        else:
            self._settled = False  # Neither says anything: measured again.
        return self.count

    def end(self, count: int) -> None:
        """There are ``count``, and no more are to be had."""
        self.count, self._done = count, True

    def _is_measured(self, now: float, received: int, total: int, working: int, waited: float) -> bool:
        """Whether a rate of the present number is known."""
        if not self._settled:
            if working < self.count and now - self._changed_at < _PATIENCE_SECONDS:
                return False
            self._settled, self._since, self._waited = True, now, waited
            self._at, self._total_at = received, total
        return now - self._since >= _LOOK_SECONDS
