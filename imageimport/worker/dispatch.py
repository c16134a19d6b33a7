"""Tells workers that something waits. A hint is never needed for correctness: the sweep finds what no hint announced.

Sending happens on a thread of its own, so that a Redis that hangs never holds a request.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from uuid import UUID

import structlog
from celery import current_app
from django.conf import settings
from django.db import transaction

log = structlog.get_logger(__name__)

#: After a failed send hints are dropped for this long; the sweep makes them good. Seconds.
PAUSE_SECONDS: Final = 3.0
#: Redis answers within this or counts as away. Seconds.
TIMEOUT_SECONDS: Final = 1.0
#: More hints than this at once would say nothing new.
MAX_OWED: Final = 64

_SOCKETS: Final = {
    "socket_connect_timeout": TIMEOUT_SECONDS,
    "socket_timeout": TIMEOUT_SECONDS,
    "retry_on_timeout": False,
}


class WorkerNotifier:
    """Counts hints that are owed and sends them in the background.

    :param send: sends that many; whether it could.
    """

    def __init__(self, send: Callable[[int], bool]) -> None:
        self._send = send
        self._wake = threading.Condition()
        self._owed = 0
        self._thread: threading.Thread | None = None

    def request(self, count: int) -> None:
        with self._wake:
            self._owed = min(self._owed + count, MAX_OWED)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="hints", daemon=True)
                self._thread.start()
            self._wake.notify()

    def flush(self, seconds: float) -> None:
        """Give what is owed a moment to leave, at the end of a process."""
        deadline = time.monotonic() + seconds
        while self._owed and time.monotonic() < deadline:
            time.sleep(0.01)

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._owed:
                    self._wake.wait()
                count = self._owed
            sent = self._send(count)
            with self._wake:
                self._owed = max(0, self._owed - count)
            if not sent:
                time.sleep(PAUSE_SECONDS)


def send(count: int) -> bool:
    """Send ``count`` hints now; False where Redis did not take them."""
    return _send("imageimport.tasks.run_imports", count)


def _send_look(_count: int) -> bool:
    """One is enough: the worker that looks goes on until nothing waits."""
    return _send("imageimport.tasks.look_at_tags", 1)


def _send(task: str, count: int, arguments: Sequence[str | int | None] = ()) -> bool:
    """By the task's name: its module stands above this one."""
    options = {**settings.CELERY_BROKER_TRANSPORT_OPTIONS, **_SOCKETS}
    try:
        with (
            current_app.connection_for_write(
                connect_timeout=TIMEOUT_SECONDS, transport_options=options
            ) as connection,
            current_app.amqp.Producer(connection, auto_declare=False) as producer,
        ):
            for _ in range(count):
                current_app.send_task(task, arguments, producer=producer, retry=False, expires=3600)
    except Exception as exc:  # noqa: BLE001 - kombu wraps some of Redis' errors and lets others through
        log.warning("hint.not_sent", error=type(exc).__name__)
        return False
    return True


_notifier = WorkerNotifier(send)
_looks = WorkerNotifier(_send_look)
_wishes = ThreadPoolExecutor(1, "wishes")
atexit.register(_notifier.flush, TIMEOUT_SECONDS)
atexit.register(_looks.flush, TIMEOUT_SECONDS)


def after_commit(count: int = 1) -> None:
    """Hint to ``count`` workers once the surrounding transaction has been committed."""
    transaction.on_commit(lambda: _notifier.request(count))


def look() -> None:
    """Hint that a tag waits to be looked at (:data:`projects.registry.tag_notices.when_noted`)."""
    _looks.request(1)


def read_files(image: UUID, platform: str, reader: int | None) -> None:
    """Hint that someone wants to see an image's files (:data:`projects.contents.indexing.when_wanted`), which is asked
    for again as long as they look."""
    _wishes.submit(_send, "imageimport.tasks.read_files", 1, (str(image), platform, reader))
