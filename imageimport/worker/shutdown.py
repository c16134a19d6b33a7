"""Whether this worker has been told to stop.

The signal reaches Celery's parent process; imports run in its children. One byte of memory shared before the fork
tells them, without a lock that a killed child could hold forever.
"""

from __future__ import annotations

import mmap

_flag = mmap.mmap(-1, 1)


def stop() -> None:
    """Called in the parent: imports hand their tasks back."""
    _flag[0] = 1


def reset() -> None:
    """Called in the parent when a worker begins: nothing is asked of its processes yet."""
    _flag[0] = 0


def requested() -> bool:
    """Whether this worker should take nothing new and give back what it has."""
    return _flag[0] == 1
