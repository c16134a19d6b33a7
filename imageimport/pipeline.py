"""One attempt at one import: start, login, pull, tag, push, cleanup, done; and what each way of failing means."""

from __future__ import annotations

import datetime as dt
import random
import time
import uuid
from collections.abc import Callable
from typing import Any, Final, TypeVar

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections
from django.utils import timezone

from imageimport import endings, leases, opening
from imageimport.choices import Outcome, Stage, Status
from imageimport.leases import Lease, LeaseLost
from imageimport.models import ImportAttempt, ImportTask
from imageimport.monitor import CANCELED, LOST, STOPPED, TIMED_OUT, Monitor
from imageimport.progress import Progress
from imageimport.sentences import of_error, parts
from imageimport.transports import open_transport
from imageimport.transports.base import Arrived, Job, Transport
from oci.cancel import CancelToken
from oci.errors import Canceled, OciError, gettext_noop
from projects import services as project_services

log = structlog.get_logger(__name__)
T = TypeVar("T")

#: Waiting for something outside ends after this long in all, seconds (a rate limit's window is six hours).
LONGEST_WAIT: Final = 6 * 3600
#: Pauses before the second, third, … attempt, seconds; the last goes on.
PAUSES: Final = (2.0, 8.0, 25.0)
#: How often a database that is away is asked again, seconds.
DATABASE_PAUSE: Final = 0.5


def run(lease: Lease) -> None:
    """Do one attempt, to whatever end; the row says which. Raises nothing that the row could say."""
    task = ImportTask.objects.select_related("project", "credential", "requested_by").get(pk=lease.task_id)
    with structlog.contextvars.bound_contextvars(task_id=str(task.pk), attempt=lease.attempt):
        cancel = CancelToken()
        progress = Progress(lease)
        monitor = Monitor(lease=lease, progress=progress, cancel=cancel, seconds_left=_seconds_left(task))
        monitor.start()
        log.info("import.started", source=task.source_image, target=task.target_image)
        began = time.monotonic()
        try:
            arrived = _attempt(task, lease, progress, cancel, monitor)
        except LeaseLost:
            log.warning("import.lease_lost_here")
        except Exception as exc:
            monitor.close()
            _patiently(monitor, lambda: _settle(lease, progress, cancel, exc))
        else:
            monitor.close()
            _patiently(monitor, lambda: _succeed(task, lease, progress, arrived))
            log.info("import.succeeded", digest=arrived.digest, seconds=round(time.monotonic() - began, 2))
        finally:
            monitor.close()


def _attempt(
    task: ImportTask, lease: Lease, progress: Progress, cancel: CancelToken, monitor: Monitor
) -> Arrived:
    with opening.source_of(task) as (source, credential):
        job = Job(
            task=task,
            source=source,
            credential=credential,
            progress=progress,
            cancel=cancel,
            before_commit=lambda: _patiently(monitor, monitor.confirm),
        )
        transport = open_transport(job)
        try:
            return _stages(transport, progress, monitor)
        except BaseException:
            transport.cleanup()
            raise


def _stages(transport: Transport, progress: Progress, monitor: Monitor) -> Arrived:
    def enter(stage: Stage) -> None:
        _patiently(monitor, lambda: progress.enter(stage))

    enter(Stage.LOGIN)
    transport.login()
    enter(Stage.PULL)
    transport.pull()
    enter(Stage.TAG)
    transport.tag()
    enter(Stage.PUSH)
    arrived = transport.push()
    enter(Stage.CLEANUP)
    transport.cleanup()
    return arrived


def _succeed(task: ImportTask, lease: Lease, progress: Progress, arrived: Arrived) -> None:
    progress.write()
    ended = endings.end(
        lease.task_id,
        fence=lease.fence,
        status=Status.SUCCESS,
        digest=arrived.digest,
        source_digest=arrived.source_digest,
    )
    if not ended:
        raise LeaseLost
    project_services.record_image(
        project=task.project,
        repository=task.target_name,
        tag=task.target_tag,
        digest=arrived.digest,
        media_type=arrived.media_type,
        artifact_type=arrived.artifact_type,
        size=arrived.size,
        platforms=list(arrived.platforms),
        children=list(arrived.children),
        source_image=task.source_image,
    )


def _settle(lease: Lease, progress: Progress, cancel: CancelToken, exc: Exception) -> None:
    """Decide what an attempt's failure means for its row."""
    reason = cancel.reason if cancel.canceled else ""
    if reason == LOST:
        return
    progress.write()
    if reason == STOPPED:
        log.info("import.handed_back")
        leases.hand_back(lease)
    elif reason == CANCELED or leases.cancel_asked(lease):
        log.info("import.canceled")
        endings.end(lease.task_id, fence=lease.fence, status=Status.CANCELED)
    elif reason == TIMED_OUT:
        _fail(lease, _timed_out())
    elif isinstance(exc, OciError):
        _settle_error(lease, exc)
    else:
        _fail(lease, _unforeseen(exc))


def _settle_error(lease: Lease, error: OciError) -> None:
    log.warning("import.attempt_failed", code=error.code, error=str(error), retryable=error.retryable)
    if error.code == "rate_limited" and error.retry_after and _may_wait(lease, error.retry_after):
        until = timezone.now() + dt.timedelta(seconds=error.retry_after + random.uniform(0, 2))  # noqa: S311
        leases.wait(lease, until=until, said=of_error(error))
    elif error.retryable and lease.attempt < settings.IMPORT_MAX_ATTEMPTS:
        pause = PAUSES[min(lease.attempt, len(PAUSES)) - 1] * random.uniform(0.8, 1.2)  # noqa: S311
        leases.try_again(lease, pause=pause, code=error.code, said=of_error(error))
    else:
        _fail(lease, error)


def _fail(lease: Lease, error: OciError) -> None:
    log.warning("import.failed", code=error.code, error=str(error))
    endings.end(lease.task_id, fence=lease.fence, status=Status.FAILED, code=error.code, said=of_error(error))


def _may_wait(lease: Lease, seconds: float) -> bool:
    since = lease.rows().values_list("waiting_since", flat=True).first() or timezone.now()
    return (timezone.now() - since).total_seconds() + seconds <= LONGEST_WAIT


def _timed_out() -> OciError:
    return OciError(
        "timeout",
        gettext_noop("The import took longer than %(seconds)d seconds, the limit of this installation."),
        seconds=settings.IMPORT_TIMEOUT_SECONDS,
    )


def _unforeseen(exc: Exception) -> OciError:
    """A defect of ours: people get an id, the log gets the traceback under that id."""
    incident = uuid.uuid4().hex[:12]
    log.error("import.internal_error", incident=incident, exc_info=exc)
    return OciError(
        "internal_error",
        gettext_noop("Something unforeseen happened in the portal. The operator finds it in the log as %(incident)s."),
        incident=incident,
    )


def _seconds_left(task: ImportTask) -> float:
    """What is left of the hard limit after earlier attempts."""
    used = sum(
        (a.ended_at - a.started_at).total_seconds()
        for a in ImportAttempt.objects.filter(task=task, ended_at__isnull=False).exclude(outcome=Outcome.WAITING)
        if a.ended_at
    )
    return max(1.0, settings.IMPORT_TIMEOUT_SECONDS - used)


def _patiently(monitor: Monitor, write: Callable[[], T]) -> T | None:
    """Write to the database, asking again while it is away and the lease still holds.

    :raises LeaseLost: it was away for too long; the row is left to whoever takes over.
    """
    while True:
        try:
            return write()
        except (OperationalError, InterfaceError) as exc:
            log.warning("import.database_away", error=str(exc))
            if monitor.lease_seconds_left <= 0:
                log.warning("import.database_away_too_long", error=type(exc).__name__)
                raise LeaseLost from exc
            close_old_connections()
            time.sleep(DATABASE_PAUSE)
