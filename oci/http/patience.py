"""How slowly a document may come."""

from __future__ import annotations

import time
from collections.abc import Callable

from oci.limits import DOCUMENT_RATE


class Patience:
    """A document that comes at all comes within the stall time, a larger one at :data:`DOCUMENT_RATE` at least.

    Only reading counts: what the reader does in between, and what it waits for, is not the sender's time.

    :param seconds: the stall time.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._took = 0.0
        self._came = 0

    def read(self, readinto: Callable[[memoryview], int], view: memoryview) -> int:
        """What one read gives; raises what it raises."""
        began = time.monotonic()
        count = readinto(view)
        self._took += time.monotonic() - began
        self._came += count
        return count

    @property
    def is_over(self) -> bool:
        """Too little has come in the time so far."""
        return self._took > self._seconds + self._came / DOCUMENT_RATE
