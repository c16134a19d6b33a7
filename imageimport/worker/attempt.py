"""One attempt at one import: start, login, pull, tag, push, cleanup, done; and what each way of failing means."""

from __future__ import annotations

import datetime as dt
import random
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Final, TypeVar

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, transaction
from django.utils import timezone

from imageimport.choices import Outcome, Stage, Status
from imageimport.messages import english, of_error, parts
from imageimport.models import ImportAttempt, ImportTask
from imageimport.registries import source_credentials
from imageimport.worker import attempt_hooks, completion, leases
from imageimport.worker.leases import Lease, LeaseLost
from imageimport.worker.monitor import BROKEN, CANCELED, GIVES_WAY, LOST, STOPPED, TIMED_OUT, Monitor
from imageimport.worker.progress import Progress
from imageimport.worker.transports import open_transport
from imageimport.worker.transports.base import Arrived, Job, Transport
from oci import redaction
from oci.cancel import CancelToken
from oci.copy.publisher import TagNotKept
from oci.errors import OciError, gettext_noop
from projects import services as project_services
from projects.models import Project
from projects.registry.delete import delete_tag

log = structlog.get_logger(__name__)
T = TypeVar("T")

#: Waiting for something outside ends after this long in all, seconds (a rate limit's window is six hours).
MAX_WAIT_SECONDS: Final = 6 * 3600
#: Pauses before the second, third, … attempt, seconds; the last goes on.
PAUSES: Final = (2.0, 8.0, 25.0)
#: Pause while the target does not say whether the tag was put, and after a database that was away; seconds.
SETTLE_PAUSE: Final = 20.0
AWAY_PAUSE: Final = 3.0
#: How often a database that is away is asked again, seconds.
DATABASE_PAUSE: Final = 0.5
_GAVE_WAY: Final = gettext_noop(
    "The source sends very little, and imports of others waited. This one goes on when a place is free; finished "
    "layers stay."
)


def run(lease: Lease) -> None:
    """Do one attempt, to whatever end; the row says which. Raises nothing that the row could say."""
    ids = {"task_id": str(lease.task_id), "attempt": lease.attempt, "request_id": lease.request_id}
    with structlog.contextvars.bound_contextvars(**ids), ExitStack() as around:
        around.enter_context(redaction.scope())
        for watcher in attempt_hooks.around_attempt:
            around.enter_context(watcher(lease))
        cancel = CancelToken()
        progress = Progress(lease)
        monitor = Monitor(lease=lease, progress=progress, cancel=cancel)
        monitor.start()
        try:
            _run(lease, progress, cancel, monitor)
        except LeaseLost:
            log.warning("import.lease_lost_here")
        finally:
            monitor.close()


def _run(lease: Lease, progress: Progress, cancel: CancelToken, monitor: Monitor) -> None:
    """:raises LeaseLost: at any point; the row is left to whoever took over."""
    began = time.monotonic()
    try:
        task = lease.task
        if lease.fence > 1:
            _patiently(monitor, lambda: monitor.limit(_seconds_left(task)))
        log.info("import.started", source=task.source_image, target=task.target_image)
        arrived = _attempt(task, lease, progress, cancel, monitor)
    except LeaseLost:
        raise
    except Exception as exc:  # noqa: BLE001 - every way of failing is settled in the row
        monitor.close()
        fault = exc  # the name of the clause ends with it
        _patiently(monitor, lambda: _settle(lease, progress, cancel, monitor.broke or fault))
    else:
        monitor.close()
        try:
            _patiently(monitor, lambda: _succeed(task, lease, progress, arrived))
        except LeaseLost:
            _take_back(task)
            raise
        log.info("import.succeeded", digest=arrived.digest, seconds=round(time.monotonic() - began, 2))


def _attempt(
    task: ImportTask, lease: Lease, progress: Progress, cancel: CancelToken, monitor: Monitor
) -> Arrived:
    with source_credentials.source_of(task) as (source, credential):
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
            _clean(transport)
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
    _clean(transport)
    return arrived


def _clean(transport: Transport) -> None:
    """What is left behind spoils no import, and hides no error that comes after it."""
    try:
        transport.cleanup()
    except Exception:
        log.exception("import.cleanup_failed")


def _succeed(task: ImportTask, lease: Lease, progress: Progress, arrived: Arrived) -> None:
    facts: dict[str, Any] = {
        "digest": arrived.digest,
        "source_digest": arrived.source_digest,
        **progress.totals(),
        **_noted(arrived),
    }
    with transaction.atomic():
        ended = completion.end(lease.task_id, fence=lease.fence, status=Status.SUCCESS, **facts)
        if not ended:
            raise LeaseLost
        progress.write_layers()
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


def _take_back(task: ImportTask) -> None:
    """The project was deleted, with all its tags, while this one was being put: nobody else would ever remove it."""
    if Project.objects.filter(name=task.project.name).exists():
        return
    repository = f"{task.project.name}/{task.target_name}"
    log.warning("import.project_deleted", repository=repository, tag=task.target_tag)
    try:
        delete_tag(repository=repository, tag=task.target_tag)
    except OciError:
        log.exception("import.tag_left", repository=repository, tag=task.target_tag)


def _noted(arrived: Arrived) -> dict[str, Any]:
    """The columns by which a success says what people should know about it: one sentence, the log has them all."""
    for template, params in arrived.notes:
        log.info("import.noted", note=template % params)
    if not arrived.notes:
        return {}
    message = parts(*arrived.notes[0])
    return {"message": english(message), "message_parts": message}


def _settle(lease: Lease, progress: Progress, cancel: CancelToken, exc: Exception) -> None:
    """Decide what an attempt's failure means for its row."""
    reason = cancel.reason if cancel.canceled else ""
    if reason == LOST:
        return
    if reason != BROKEN:
        progress.write()
    if reason == STOPPED:
        log.info("import.handed_back")
        leases.hand_back(lease)
    elif reason == CANCELED or leases.cancel_asked(lease):
        log.info("import.canceled")
        completion.end(lease.task_id, fence=lease.fence, status=Status.CANCELED)
    elif reason == TIMED_OUT:
        _fail(lease, _timed_out())
    elif reason == GIVES_WAY:
        log.info("import.gave_way", bytes_done=progress.totals()["bytes_done"])
        leases.give_way(lease, said=parts(_GAVE_WAY))
    elif isinstance(exc, OciError):
        _settle_error(lease, exc)
    elif isinstance(exc, OperationalError | InterfaceError):
        _settle_away(lease, exc)
    else:
        _fail(lease, _unforeseen(exc))


def _settle_error(lease: Lease, error: OciError) -> None:
    log.warning("import.attempt_failed", code=error.code, error=str(error), retryable=error.retryable)
    if isinstance(error, TagNotKept):
        leases.undo_commit(lease)
    if error.code == "rate_limited" and error.retry_after and _may_wait(lease, error.retry_after):
        until = timezone.now() + dt.timedelta(seconds=error.retry_after + random.uniform(0, 2))
        leases.wait(lease, until=until, said=of_error(error))
    elif error.retryable and _may_have_put_tag(lease) and _may_wait(lease, SETTLE_PAUSE):
        # Failed would say that the tag stands, and nobody knows: it is put again when the target is back.
        leases.wait(lease, until=timezone.now() + dt.timedelta(seconds=SETTLE_PAUSE), said=of_error(error))
    elif error.code == "rate_limited" and error.retry_after:
        # It would say the same again at once, and each time it is asked counts against us.
        _fail(lease, error)
    elif error.retryable and lease.attempt < settings.IMPORT_MAX_ATTEMPTS:
        pause = PAUSES[min(lease.attempt, len(PAUSES)) - 1] * random.uniform(0.8, 1.2)
        leases.try_again(lease, pause=pause, code=error.code, said=of_error(error))
    else:
        _fail(lease, error)


def _settle_away(lease: Lease, exc: Exception) -> None:
    """The database was away in the middle of something, and is back: that is no fault of the import."""
    log.warning("import.database_was_away", error=str(exc))
    if not _may_wait(lease, AWAY_PAUSE):
        _fail(lease, _unforeseen(exc))
        return
    said = parts(gettext_noop("The portal's database was away. The import goes on in a moment."))
    leases.wait(lease, until=timezone.now() + dt.timedelta(seconds=AWAY_PAUSE), said=said)


def _may_have_put_tag(lease: Lease) -> bool:
    return bool(lease.rows().values_list("committing", flat=True).first())


def _fail(lease: Lease, error: OciError) -> None:
    log.warning("import.failed", code=error.code, error=str(error))
    completion.end(
        lease.task_id, fence=lease.fence, status=Status.FAILED, code=error.code, said=of_error(error)
    )


def _may_wait(lease: Lease, seconds: float) -> bool:
    now = timezone.now()
    since = lease.rows().values_list("waiting_since", flat=True).first() or now
    return (now - since).total_seconds() + seconds <= MAX_WAIT_SECONDS


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
        gettext_noop(
            "Something unforeseen happened in the portal. The operator finds it in the log as %(incident)s."
        ),
        incident=incident,
    )


def _seconds_left(task: ImportTask) -> float:
    """What is left of the hard limit after earlier attempts."""
    used = sum(
        (a.ended_at - a.started_at).total_seconds()
        for a in ImportAttempt.objects.filter(task=task, ended_at__isnull=False).exclude(
            outcome=Outcome.WAITING
        )
        if a.ended_at
    )
    return max(1.0, settings.IMPORT_TIMEOUT_SECONDS - used)


def _patiently(monitor: Monitor, write: Callable[[], T]) -> T:
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
