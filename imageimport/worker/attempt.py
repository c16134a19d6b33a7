"""One attempt at one import: start, login, pull, tag, push, cleanup, done; and what each way of failing means."""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.exceptions import internal_error
from imageimport.choices import Outcome, Stage, Status
from imageimport.choices import Transport as TransportName
from imageimport.messages import english, of_error, parts
from imageimport.models import ImportAttempt, ImportTask
from imageimport.policy.judging import Judgement
from imageimport.policy.signatures import gate_for, proved_now
from imageimport.registries import source_credentials, ways
from imageimport.registries.bandwidth import SharedBandwidth
from imageimport.worker import completion, kept_uploads, leases
from imageimport.worker.kept_uploads import COLLECTING, HOURS_OVER
from imageimport.worker.leases import Lease
from imageimport.worker.monitor import (
    BROKEN,
    CANCELED,
    GIVES_WAY,
    LOST,
    STOPPED,
    TIMED_OUT,
    Monitor,
)
from imageimport.worker.progress import Progress
from imageimport.worker.transports import open_transport
from imageimport.worker.transports.base import ImageTransport, Job, SourceAccess
from oci import redaction
from oci.cancel import CancelToken
from oci.copy.candidate import Candidate
from oci.copy.context import Checks
from oci.copy.image_copier import CopyResult
from oci.copy.publisher import TagNotKept
from oci.errors import OciError
from oci.registry.pace import Pace
from projects import services as project_services
from projects.locking import LeaseLost
from projects.models import Project
from projects.registry.delete import delete_tag

log = structlog.get_logger(__name__)

#: Waiting for something outside ends after this long in all, seconds (a rate limit's window is six hours).
MAX_WAIT_SECONDS: Final = 6 * 3600
#: Pauses before the second, third, … attempt, seconds; the last goes on.
PAUSE_SECONDS: Final = (2.0, 8.0, 25.0)
#: Pause while the target does not say whether the tag was put, and after a database that was away; seconds.
SETTLE_SECONDS: Final = 20.0
AWAY_SECONDS: Final = 3.0
_GAVE_WAY: Final = gettext_noop(
    "Very little arrived in the last few minutes (a slow source or a bandwidth limit), so this import made room "
    "for others. It resumes when a slot is free; finished layers are kept."
)
#: Entered before an attempt and left after it: tracing, where it is configured.
around_attempt: Final[list[Callable[[Lease], AbstractContextManager[None]]]] = []


def run(lease: Lease) -> None:
    """Do one attempt, to whatever end; the row says which. Raises nothing that the row could say."""
    ids = {"task_id": str(lease.task_id), "attempt": lease.attempt, "request_id": lease.request_id}
    with structlog.contextvars.bound_contextvars(**ids), ExitStack() as around:
        around.enter_context(redaction.scope())
        for watcher in around_attempt:
            around.enter_context(watcher(lease))
        cancel = CancelToken()
        progress = Progress(lease)
        project = lease.task.project
        pace = SharedBandwidth(project.pk, project.bandwidth, cancel)
        monitor = Monitor(lease=lease, progress=progress, cancel=cancel, pace=pace)
        monitor.start()
        try:
            _run(lease, progress, cancel, monitor, pace)
        except LeaseLost:
            log.warning("import.lease_lost_here")
        finally:
            monitor.close()


def _run(lease: Lease, progress: Progress, cancel: CancelToken, monitor: Monitor, pace: Pace) -> None:
    """Carry out one attempt, stage by stage.

    :raises LeaseLost: at any point; the row is left to the worker that took over.
    """
    began = time.monotonic()
    try:
        task = lease.task
        if lease.fence > 1:
            monitor.limit(monitor.patiently(_seconds_left, task))
        log.info("import.started", source=task.source_image, target=task.target_image)
        result = _attempt(task, progress, cancel, monitor, pace)
    except LeaseLost:
        if progress.moved is None:  # Past the layers: the tag may have been put.
            _take_back(lease.task)
        raise
    except Exception as exc:  # noqa: BLE001 - every way of failing is settled in the row
        monitor.close()
        monitor.patiently(_settle, lease, progress, cancel, monitor.broke or exc)
    else:
        monitor.close()
        try:
            monitor.patiently(_succeed, task, lease, progress, result)
        except LeaseLost:
            _take_back(task)
            raise
        log.info("import.succeeded", digest=result.image.digest, seconds=round(time.monotonic() - began, 2))


def _attempt(
    task: ImportTask, progress: Progress, cancel: CancelToken, monitor: Monitor, pace: Pace
) -> CopyResult:
    proof = monitor.patiently(gate_for, task, progress.proved)
    judgement = Judgement(task, partial(proved_now, task, proof))

    def judge(candidate: Candidate) -> None:
        monitor.patiently(judgement.before_transfer, candidate)

    def confirm() -> None:
        monitor.patiently(judgement.before_commit)
        monitor.patiently(monitor.confirm_lease)

    with source_credentials.open_source(task) as (reference, credential):
        job = Job(
            task=task,
            source=SourceAccess(reference, credential, pace),
            progress=progress,
            cancel=cancel,
            checks=Checks(judge=judge, confirm_lease=confirm),
            signatures=proof,
        )
        transport = open_transport(job)
        try:
            return _stages(transport, progress, monitor)
        except BaseException:
            _clean(transport)
            raise


def _stages(transport: ImageTransport, progress: Progress, monitor: Monitor) -> CopyResult:
    monitor.patiently(progress.enter, Stage.LOGIN)
    transport.login()
    monitor.patiently(progress.enter, Stage.PULL)
    transport.pull()
    monitor.patiently(progress.enter, Stage.TAG)
    transport.tag()
    monitor.patiently(progress.enter, Stage.PUSH)
    result = transport.push()
    monitor.patiently(progress.enter, Stage.CLEANUP)
    _clean(transport)
    return result


def _clean(transport: ImageTransport) -> None:
    """What is left behind spoils no import, and hides no error that comes after it."""
    try:
        transport.cleanup()
    except Exception:
        log.exception("import.cleanup_failed")


def _succeed(task: ImportTask, lease: Lease, progress: Progress, result: CopyResult) -> None:
    facts: dict[str, Any] = {
        "digest": result.image.digest,
        "source_digest": result.source_digest,
        "via": progress.via[:600],
        "signature": progress.signature,
        **progress.totals(),
        **_noted(result),
    }
    with transaction.atomic():
        ended = completion.end(lease.task_id, fence=lease.fence, status=Status.SUCCESS, **facts)
        if not ended:
            raise LeaseLost
        progress.write_layers()
        moved, seconds = progress.read_from_source
        ways.note_speed(task.source_registry, progress.via, moved=moved, seconds=seconds)
        progress.faults.write(task.source_registry)
        project_services.record_image(
            project=task.project,
            repository=task.target_name,
            tag=task.target_tag,
            image=result.image,
            source_image=task.source_image,
            signature=progress.signature if _is_as_proved(task, result) else None,
        )


def _is_as_proved(task: ImportTask, result: CopyResult) -> bool:
    """Docker Engine packs layers in its own way: what was signed at the source is then not what arrived."""
    return task.transport != TransportName.DOCKER or result.image.digest == result.source_digest


def _take_back(task: ImportTask) -> None:
    """The project was deleted, with all its tags, while this one was being put: no one else would ever remove it."""
    if Project.objects.filter(name=task.project.name).exists():
        return
    repository = f"{task.project.name}/{task.target_name}"
    log.warning("import.project_deleted", repository=repository, tag=task.target_tag)
    try:
        delete_tag(repository=repository, tag=task.target_tag)
    except OciError:
        log.exception("import.tag_left", repository=repository, tag=task.target_tag)


def _noted(result: CopyResult) -> dict[str, Any]:
    """The columns by which a success says what people should know about it: one sentence, the log has them all."""
    for template, params in result.notes:
        log.info("import.noted", note=template % params)
    if not result.notes:
        return {}
    message = parts(*result.notes[0])
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
        leases.give_way(lease, error=OciError("stalled", _GAVE_WAY))
    elif reason == HOURS_OVER:
        log.info("import.hours_over", bytes_done=progress.totals()["bytes_done"])
        with transaction.atomic():
            kept_uploads.save(lease.task_id, progress.kept_uploads)
            leases.wait_for_hours(lease)
    elif reason == COLLECTING:
        log.info("import.makes_room_for_collection", bytes_done=progress.totals()["bytes_done"])
        with transaction.atomic():
            kept_uploads.save(lease.task_id, progress.kept_uploads)
            leases.wait_for_collection(lease)
    elif isinstance(exc, OciError):
        progress.faults.write(lease.task.source_registry, ended_by=exc, via=progress.via)
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
        leases.wait(lease, until=until, message=of_error(error))
    elif error.retryable and _may_have_put_tag(lease) and _may_wait(lease, SETTLE_SECONDS):
        # Failed would say that the tag stands, and no one knows: it is put again when the target is back.
        until = timezone.now() + dt.timedelta(seconds=SETTLE_SECONDS)
        leases.wait(lease, until=until, message=of_error(error))
    elif error.code == "rate_limited" and error.retry_after:
        # It would say the same again at once, and each time it is asked counts against us.
        _fail(lease, error)
    elif error.retryable and lease.attempt < settings.IMPORT_MAX_ATTEMPTS:
        pause = PAUSE_SECONDS[min(lease.attempt, len(PAUSE_SECONDS)) - 1] * random.uniform(0.8, 1.2)
        leases.try_again(lease, pause=pause, error=error)
    else:
        _fail(lease, error)


def _settle_away(lease: Lease, exc: Exception) -> None:
    """The database was away in the middle of something, and is back: that is no fault of the import."""
    log.warning("import.database_was_away", error=str(exc))
    if not _may_wait(lease, AWAY_SECONDS):
        _fail(lease, _unforeseen(exc))
        return
    message = parts(gettext_noop("The portal's database was unavailable. The import resumes in a moment."))
    leases.wait(lease, until=timezone.now() + dt.timedelta(seconds=AWAY_SECONDS), message=message)


def _may_have_put_tag(lease: Lease) -> bool:
    return bool(lease.rows().values_list("publishing", flat=True).first())


def _fail(lease: Lease, error: OciError) -> None:
    log.warning("import.failed", code=error.code, error=str(error))
    completion.end(lease.task_id, fence=lease.fence, status=Status.FAILED, error=error)


def _may_wait(lease: Lease, seconds: float) -> bool:
    now = timezone.now()
    since = lease.rows().values_list("waiting_since", flat=True).first() or now
    return (now - since).total_seconds() + seconds <= MAX_WAIT_SECONDS


def _timed_out() -> OciError:
    return OciError(
        "timeout",
        gettext_noop("The import took longer than %(seconds)d seconds, the limit of this portal."),
        seconds=settings.IMPORT_TIMEOUT_SECONDS,
    )


def _unforeseen(exc: Exception) -> OciError:
    """A defect of ours: people get an id, the log gets the traceback under that id."""
    error = internal_error()
    log.error("import.internal_error", incident=error.params["incident"], exc_info=exc)
    return error


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
