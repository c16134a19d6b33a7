"""Who wants to be around when an attempt runs: tracing, where it is configured."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from imageimport.worker.leases import Lease

#: Each is entered before an attempt and left after it.
around_attempt: Final[list[Callable[[Lease], AbstractContextManager[None]]]] = []
