"""Whether this worker has been told to stop.

The signal reaches Celery's parent process; imports run in its children. One byte of memory shared before the fork
tells them, without a lock that a killed child could hold for ever.
"""

from __future__ import annotations

import mmap

_flag = mmap.mmap(-1, 1)


def stop() -> None:
    """Called in the parent: imports hand their tasks back."""
    _flag[0] = 1


def reset() -> None:
    """A worker begins."""
    _flag[0] = 0


def asked() -> bool:
    """Whether this worker shall take nothing new and give back what it has."""
    return _flag[0] == 1
