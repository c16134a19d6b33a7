"""The companion thread of an attempt: heartbeat, progress rows, cancel, stop and time limits.

It is the only writer while the engine works. Liveness is not progress: when nothing has moved for the stall time
and some grace, it lets the lease run out, and another worker takes over. Where a bandwidth bound of ours is what is
waited for, nothing has stalled.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, connection
from django.utils import timezone

from imageimport.choices import Outcome, Transport
from imageimport.models import ImportAttempt, ImportTask
from imageimport.registries.bandwidth import SharedBandwidth
from imageimport.worker import shutdown, windows
from imageimport.worker.kept_uploads import COLLECTING, HOURS_OVER
from imageimport.worker.leases import Lease, begin_commit, cancel_asked, renew
from imageimport.worker.pace import Pace
from imageimport.worker.places import is_wanted
from imageimport.worker.progress import Progress
from oci.cancel import CancelToken
from projects.locking import LeaseLost
from projects.token_service import writers

log = structlog.get_logger(__name__)
P = ParamSpec("P")
T = TypeVar("T")

#: How often progress is written and cancel is looked for, seconds.
TICK_SECONDS: Final = 0.5
#: Beyond the stall time, before the heartbeat stops: the engine itself notices a stall first. Seconds.
GRACE_SECONDS: Final = 30.0
#: How often a database that is away is asked again, seconds.
DATABASE_RETRY_SECONDS: Final = 0.5
#: How often it is looked at what the project allows, seconds: bytes a second, and hours.
LOOK_AT_PROJECT: Final = 1.0
#: How often the line is looked at by an import that is slow, seconds.
QUEUE_SECONDS: Final = 5.0

#: Reasons with which the engine is canceled.
CANCELED, STOPPED, LOST, TIMED_OUT, BROKEN = "canceled", "stopped", "lost", "timeout", "broken"
#: It is slow, and imports of others wait for its place.
GIVES_WAY = "gives way"


class Monitor(threading.Thread):
    """Runs beside one attempt until :meth:`close`."""

    def __init__(
        self, *, lease: Lease, progress: Progress, cancel: CancelToken, pace: SharedBandwidth | None = None
    ) -> None:
        super().__init__(name=f"monitor-{lease.task_id}", daemon=True)
        self._lease = lease
        self._progress = progress
        self._cancel = cancel
        self._pace_of_source = pace
        self._project_seen_at = 0.0
        self._deadline = time.monotonic() + settings.IMPORT_TIMEOUT_SECONDS
        self._closed = threading.Event()
        self._publishing = threading.Event()
        #: A defect that ended this thread; the attempt ends with it.
        self.broke: Exception | None = None
        self._renewed_at = time.monotonic()
        self._pace: Pace | None = None
        self._looked_at = 0.0
        #: Its log lines carry the ids of the attempt's.
        self._context = contextvars.copy_context()

    def run(self) -> None:
        self._context.run(self._watch)

    def _watch(self) -> None:
        try:
            while not self._closed.wait(TICK_SECONDS):
                self._tick()
        except Exception as exc:  # noqa: BLE001 - reported by the attempt, under an id
            self.broke = exc
            self._cancel.cancel(BROKEN)
        finally:
            connection.close()

    def close(self) -> None:
        self._closed.set()
        self.join()

    def limit(self, seconds: float) -> None:
        """End the attempt after so many seconds from now."""
        self._deadline = time.monotonic() + seconds

    @property
    def lease_seconds_left(self) -> float:
        """How long the lease still holds by this process' own clock."""
        return settings.IMPORT_LEASE_SECONDS - (time.monotonic() - self._renewed_at)

    def patiently(self, write: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Write to the database, asking again while it is away and the lease still holds.

        :raises LeaseLost: it was away for too long; the row is left to the worker that takes over.
        """
        while True:
            try:
                return write(*args, **kwargs)
            except (OperationalError, InterfaceError) as exc:
                log.warning("import.database_away", error=str(exc))
                if self.lease_seconds_left <= 0:
                    log.warning("import.database_away_too_long", error=type(exc).__name__)
                    raise LeaseLost from exc
                close_old_connections()
                time.sleep(DATABASE_RETRY_SECONDS)

    def confirm_lease(self) -> None:
        """The lease holds, freshly renewed: called right before the tag is put. From here on no cancel, stop or
        time limit breaks in, since no one could say anymore whether the tag has moved.

        :raises LeaseLost:
        :raises oci.errors.Canceled: someone asked in time.
        """
        self._mind_limits()
        self._cancel.check()
        renewing = time.monotonic()
        self._publishing.set()
        if not begin_commit(self._lease):
            self._publishing.clear()
            self._cancel.cancel(CANCELED)
        self._cancel.check()
        self._renewed_at = renewing

    def _mind_limits(self) -> None:
        if self._publishing.is_set():
            return
        if shutdown.requested():
            self._cancel.cancel(STOPPED)
        if time.monotonic() > self._deadline:
            self._cancel.cancel(TIMED_OUT)

    def _tick(self) -> None:
        self._mind_limits()
        try:
            self._write()
            self._mind_project()
            self._mind_others()
        except LeaseLost:
            if not self._is_deleted_while_publishing():
                self._cancel.cancel(LOST)
            self._closed.set()
        except (OperationalError, InterfaceError) as exc:
            # The database is away: go on while the lease still holds by our clock, then stop touching anything.
            log.warning("import.database_away", task_id=str(self._lease.task_id), error=type(exc).__name__)
            close_old_connections()
            if self.lease_seconds_left <= 0:
                self._cancel.cancel(LOST)

    def _is_deleted_while_publishing(self) -> bool:
        """Then the tag is put to the end, so that it can be removed for certain (pipeline)."""
        return self._publishing.is_set() and not ImportTask.objects.filter(pk=self._lease.task_id).exists()

    def _write(self) -> None:
        now = time.monotonic()
        self._progress.write_if_changed()
        held = self._pace_of_source is not None and self._pace_of_source.is_waited_for
        stalled = not held and self._progress.idle_seconds > settings.IMPORT_STALL_SECONDS + GRACE_SECONDS
        if not stalled and now - self._renewed_at >= settings.IMPORT_LEASE_SECONDS / 5:
            asked = renew(self._lease)
            self._renewed_at = now
        else:
            asked = cancel_asked(self._lease)
        if asked and not self._publishing.is_set():
            self._cancel.cancel(CANCELED)

    def _mind_project(self) -> None:
        """Obey what the project allows now: bytes a second, and for what is not interactive the hours. While the
        registry's garbage is collected, nothing is written at all."""
        now = time.monotonic()
        if now - self._project_seen_at < LOOK_AT_PROJECT:
            return
        self._project_seen_at = now
        columns = ("project__bandwidth", "project__window", "outside_window")
        found = ImportTask.objects.filter(pk=self._lease.task_id).values_list(*columns).first()
        if found is None:
            return
        bandwidth, window, outside = found
        if self._pace_of_source is not None:
            self._pace_of_source.change(bandwidth)
        if not self._publishing.is_set() and writers.held():
            self._cancel.cancel(COLLECTING)
        if outside or self._publishing.is_set() or not windows.obeys(self._lease.task):
            return
        at = timezone.now()
        if windows.opening(window, at) != at:
            self._cancel.cancel(HOURS_OVER)

    def _mind_others(self) -> None:
        """An import that hardly moves gives its place back, once an import of someone else waits for it.

        The Docker Engine keeps nothing of a pull that was broken off, so its imports stay.
        """
        if self._lease.task.transport != Transport.REGISTRY:
            return
        if self._pace is None:
            before = ImportAttempt.objects.filter(task=self._lease.task_id, outcome=Outcome.HANDED_BACK)
            self._pace = Pace(gave_way=before.filter(error_code="stalled").count())
        moved, now = self._progress.moved, time.monotonic()
        slow = moved is not None and self._pace.is_slow(moved)
        if slow and now - self._looked_at >= QUEUE_SECONDS and not self._publishing.is_set():
            self._looked_at = now
            if is_wanted(self._lease.task):
                self._cancel.cancel(GIVES_WAY)
