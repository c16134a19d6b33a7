"""A sign of life of beat, which listens nowhere: a file whose age a health check can read (``BEAT_ALIVE_FILE``)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from celery.signals import after_task_publish, beat_init


@beat_init.connect
def begin(**_: Any) -> None:
    """From here on each task that beat hands to Redis counts. In other processes nothing is connected."""
    if os.environ.get("BEAT_ALIVE_FILE"):
        after_task_publish.connect(beat, dispatch_uid="beating", weak=False)


def beat(**_: Any) -> None:
    """Beat has just sent something."""
    Path(os.environ["BEAT_ALIVE_FILE"]).touch()
