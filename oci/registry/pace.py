"""How fast bytes of blobs may be read from sources; who decides is the caller's."""

from __future__ import annotations

from typing import Protocol


class Pace(Protocol):
    """Asked before each read of a source's blob. Thread-safe."""

    def take(self, wanted: int) -> int:
        """How many of ``wanted`` bytes may be read now, at least one; waits until there are any.

        :raises Canceled: while it waits.
        """

    def give_back(self, count: int) -> None:
        """So many bytes of the last grant did not come."""


class Unpaced:
    """As fast as it goes."""

    def take(self, wanted: int) -> int:
        return wanted

    def give_back(self, count: int) -> None:
        """Nothing was counted."""
