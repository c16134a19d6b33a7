"""A worker gives memory back.

glibc raises the size from which it asks the system for a block of its own as soon as one was freed, and keeps what is
freed below it in up to eight heaps a core. So a few manifests of four mebibytes, read by several threads, would stay
with a worker for ever, and the next ones would come on top (mallopt(3)).
"""

from __future__ import annotations

import ctypes
import platform
from typing import Any, Final

from celery.signals import worker_init

#: Names and numbers of malloc.h.
_MMAP_THRESHOLD: Final = -3
_ARENA_MAX: Final = -8
#: Blocks from here on are the system's own and go back to it when they are freed, bytes.
OWN_BLOCK_BYTES: Final = 128 * 1024
HEAPS: Final = 2


@worker_init.connect
def give_back(**_: Any) -> None:
    """Fix both numbers, before the pool is forked. Other C libraries have no such knobs, and no such habit."""
    if platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(_MMAP_THRESHOLD, OWN_BLOCK_BYTES)
    libc.mallopt(_ARENA_MAX, HEAPS)
