"""The Celery application. Messages are hints; the database rows are the truth (see imageimport.worker.leases)."""

from __future__ import annotations

import ctypes
import os
import platform
from pathlib import Path
from typing import Any, Final

from billiard import pool
from celery import Celery, Task
from celery.signals import after_task_publish, beat_init, celeryd_init, worker_init

from accounts.caller import on_its_own

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry_portal.settings")

# A process of the pool that ends looks this often, ten times a second, whether its parent has read what it said of its
# tasks. A parent that is stopping may read no more; by default each of its processes waits for half a minute then, and
# anyone who stops the worker kills it. Nothing hangs on what they say: results are ignored, rows are the truth.
pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = 20

#: Names and numbers of malloc.h.
_MMAP_THRESHOLD: Final = -3
_ARENA_MAX: Final = -8
#: Blocks from here on are the system's own and go back to it when they are freed, bytes.
OWN_BLOCK_BYTES: Final = 128 * 1024
HEAPS: Final = 2


class PortalTask(Task):
    """A task: no one acts in it, until it says for whom, whatever its process did before."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with on_its_own():
            return self.run(*args, **kwargs)


app = Celery("registry_portal", task_cls=PortalTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@celeryd_init.connect
@beat_init.connect
def keep_to_ourselves(**_: Any) -> None:
    """What a worker or beat writes is the operator's alone."""
    os.umask(0o077)


@worker_init.connect
def give_memory_back(**_: Any) -> None:
    """Let a worker give freed memory back, by two settings of malloc before the pool is forked.

    glibc raises the size from which it asks the system for a block of its own as soon as one was freed, and keeps what
    is freed below it in up to eight heaps a core. So a few manifests of four mebibytes, read by several threads, would
    stay with a worker forever, and the next ones would come on top (mallopt(3)). Other C libraries have no such knobs,
    and no such habit.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(_MMAP_THRESHOLD, OWN_BLOCK_BYTES)
    libc.mallopt(_ARENA_MAX, HEAPS)


@beat_init.connect
def show_life(**_: Any) -> None:
    """Touch ``BEAT_ALIVE_FILE``, whose age a health check can read, with each task that beat hands to Redis. Beat
    listens nowhere, so nothing else tells that it lives; in other processes nothing is connected."""
    if os.environ.get("BEAT_ALIVE_FILE"):
        after_task_publish.connect(touch_alive_file, dispatch_uid="show_life", weak=False)


def touch_alive_file(**_: Any) -> None:
    """Beat has just sent something."""
    Path(os.environ["BEAT_ALIVE_FILE"]).touch()
