"""Watches one import until it ends, for whoever sits at a terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final
from uuid import UUID

from django.db import InterfaceError, OperationalError, close_old_connections

from imageimport.models import ImportTask

#: How often the row is read, seconds.
INTERVAL: Final = 0.2
#: A database that is away is waited for so long, seconds.
PATIENCE: Final = 120.0
_COLUMNS: Final = (
    "status", "stage", "progress", "message", "message_parts", "error", "error_parts", "error_code", "bytes_total",
    "bytes_done", "bytes_reused", "rate", "eta_seconds", "not_before", "attempts", "digest", "target_image",
)  # fmt: skip


def follow(task_id: UUID) -> Iterator[ImportTask]:
    """The task as it is now, again and again; the last one has ended.

    :raises OperationalError, InterfaceError: the database stayed away for longer than :data:`PATIENCE`.
    """
    seen = time.monotonic()
    while True:
        try:
            task = ImportTask.objects.only(*_COLUMNS).get(pk=task_id)
        except (OperationalError, InterfaceError):
            if time.monotonic() - seen > PATIENCE:
                raise
            close_old_connections()
            time.sleep(1.0)
            continue
        seen = time.monotonic()
        yield task
        if task.is_terminal:
            return
        time.sleep(INTERVAL)
