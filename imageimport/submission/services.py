"""What may be done with imports: submit, cancel, retry, dismiss. Writes rows; the work itself is the workers'."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from imageimport import quotas
from imageimport.choices import ACTIVE, RETRYABLE, Outcome, Priority, Status
from imageimport.exceptions import FieldErrors, Refused
from imageimport.messages import english, parts
from imageimport.models import ImportBatch, ImportTask, Schedule, ScheduleRun
from imageimport.submission.requests import ImportRequest, ValidatedImport, prepare
from imageimport.worker import completion, dispatch
from oci.errors import gettext_noop
from projects import audit
from projects.models import Image, Project

__all__ = [
    "FieldErrors",
    "ImportRequest",
    "Refused",
    "ValidatedImport",
    "cancel",
    "create",
    "dismiss",
    "prepare",
    "retry",
    "retry_edited",
    "submit",
]

WAITING = gettext_noop("Waiting to start")


def submit(
    *,
    project: Project,
    user: User | None,
    request: ImportRequest,
    priority: Priority = Priority.INTERACTIVE,
    batch: ImportBatch | None = None,
    batch_index: int | None = None,
    schedule: Schedule | None = None,
    schedule_run: ScheduleRun | None = None,
    audit_request: HttpRequest | None = None,
) -> ImportTask:
    """Check a request, write its row and, after commit, hint to a worker.

    :raises FieldErrors: fields are wrong.
    :raises Refused: ``target_busy`` (with ``task``), ``tag_exists``, ``quota_exceeded``, ``queue_full`` (429).
    """
    prepared = prepare(project=project, user=user, request=request)
    prepared.task.priority = priority
    prepared.task.batch = batch
    prepared.task.batch_index = batch_index
    prepared.task.schedule = schedule
    prepared.task.schedule_run = schedule_run
    return create(prepared, audit_request=audit_request)


def create(prepared: ValidatedImport, *, audit_request: HttpRequest | None = None) -> ImportTask:
    """Write a prepared row.

    :raises Refused: see :func:`submit`.
    """
    task = prepared.task
    check_room(task.project, 1, user=task.requested_by, targets=[(task.target_name, task.target_tag)])
    _check_tag(prepared)
    said = parts(WAITING)
    task.message, task.message_parts = english(said), said
    try:
        with transaction.atomic():
            task.save(force_insert=True)
            audit.record(
                action="import.created",
                actor=task.requested_by,
                project=task.project,
                subject=task.source_image,
                detail={"task": str(task.pk), "target": task.target_image},
                request=audit_request,
            )
            dispatch.after_commit()
    except IntegrityError as exc:
        raise _busy(task) from exc
    return task


def cancel(*, task: ImportTask, user: User | None, audit_request: HttpRequest | None = None) -> ImportTask:
    """Ask an import to stop. One that waits ends at once; one that runs, within seconds.

    :raises Refused: ``not_cancelable`` when it has ended.
    """
    with transaction.atomic():
        # Locked, so that it can't change between the two questions.
        task = ImportTask.objects.select_for_update().get(pk=task.pk)
        if not _cancel_waiting(task) and not _cancel_running(task):
            if task.is_terminal:
                raise Refused("not_cancelable", _("This import has ended already."))
            if task.status != Status.CANCELING:
                raise Refused(
                    "not_cancelable", _("This import is being published already; it ends in a moment.")
                )
        audit.record(
            action="import.canceled",
            actor=user,
            project=task.project,
            subject=task.source_image,
            detail={"task": str(task.pk), "target": task.target_image},
            request=audit_request,
        )
    task.refresh_from_db()
    return task


def retry(
    *,
    task: ImportTask,
    user: User | None,
    username: str = "",
    password: str = "",
    audit_request: HttpRequest | None = None,
) -> ImportTask:
    """Start a failed or canceled import again, as a new task that reuses what has arrived.

    :param username: with ``password``, one-time credentials in place of those that were erased.
    :raises Refused: ``not_retryable`` unless failed or canceled; else see :func:`submit`.
    :raises FieldErrors: its credentials were erased and none were given.
    """
    prepared = prepare_retry(task=task, user=user, username=username, password=password)
    return _in_place_of(task, prepared, audit_request)


def retry_edited(
    *, task: ImportTask, user: User | None, request: ImportRequest, audit_request: HttpRequest | None = None
) -> ImportTask:
    """Start a failed or canceled import again with what the person changed. The new import is a retry of the old one
    and takes its place on the project page and in its batch; it carries no secret of it, and belongs to no schedule.

    :raises FieldErrors: fields are wrong.
    :raises Refused: ``not_retryable`` unless failed or canceled; else see :func:`submit`.
    """
    _check_retryable(task)
    prepared = prepare(project=task.project, user=user, request=request)
    _take_place(prepared.task, task)
    return _in_place_of(task, prepared, audit_request)


def prepare_retry(
    *, task: ImportTask, user: User | None, username: str = "", password: str = ""
) -> ValidatedImport:
    """The row that would take the place of an ended one; see :func:`retry`."""
    _check_retryable(task)
    if task.credentials_erased and not password:
        raise FieldErrors({"password": [_("The credentials of this import were erased. Enter them again.")]})
    request = ImportRequest(
        image_url=task.image_url,
        target_name=task.target_name,
        target_tag=task.target_tag,
        username=username,
        password=password,
        credential=None if password else task.credential,
        platforms=task.platforms,
        overwrite=task.overwrite,
        include_referrers=task.include_referrers,
        transport=task.transport,
    )
    prepared = prepare(project=task.project, user=user, request=request)
    new = prepared.task
    if not password:
        new.username, new.password = task.username, task.password
        new.credential_required = task.credential_required
    _take_place(new, task)
    if not task.replaced:
        new.schedule_run_id = task.schedule_run_id
    new.schedule_id = task.schedule_id
    return prepared


def _check_retryable(task: ImportTask) -> None:
    if task.status not in RETRYABLE:
        raise Refused("not_retryable", _("Only a failed or canceled import can be retried."))


def _take_place(new: ImportTask, old: ImportTask) -> None:
    new.retry_of = old
    new.priority = Priority.INTERACTIVE
    if not old.replaced:  # its place in the counts is another's already
        new.batch_id, new.batch_index = old.batch_id, old.batch_index


def _in_place_of(old: ImportTask, prepared: ValidatedImport, audit_request: HttpRequest | None) -> ImportTask:
    """Write the new row and take the old one off the project page, and out of the counts where the new one counts."""
    with transaction.atomic():
        new = create(prepared, audit_request=audit_request)
        ImportTask.objects.filter(pk=old.pk).update(
            replaced=old.replaced or bool(new.batch_id or new.schedule_run_id), dismissed_at=timezone.now()
        )
        if old.batch_id:
            ImportBatch.objects.filter(pk=old.batch_id).update(completed_at=None)
    return new


def dismiss(*, task: ImportTask, user: User | None) -> None:
    """Take a failed import off the project page; the history keeps it."""
    ImportTask.objects.filter(pk=task.pk, dismissed_at=None).update(dismissed_at=timezone.now())


def check_room(
    project: Project, count: int, *, user: User | None, targets: Sequence[tuple[str, str]] = ()
) -> None:
    """Whether ``count`` more imports of ``user`` may wait in this project, and their ``targets`` have a place in it.

    :raises Refused: ``queue_full`` (429 with Retry-After) or ``quota_exceeded`` (409).
    """
    waiting = ImportTask.objects.filter(project=project, status=Status.PENDING).count()
    if waiting + count > settings.IMPORT_MAX_QUEUED_PER_PROJECT:
        raise Refused(
            "queue_full",
            _("%(count)d imports wait in this project already. Try again later.") % {"count": waiting},
            status=429,
            retry_after=30,
        )
    _check_account(user, count)
    quotas.check_submission(project=project, waiting=waiting, count=count, targets=targets)


def _check_account(user: User | None, count: int) -> None:
    """What one account has waiting in all its projects is bounded: each claim looks through what waits.

    :raises Refused: ``queue_full`` (429 with Retry-After).
    """
    if user is None or user.is_superuser:
        return
    waiting = ImportTask.objects.filter(requested_by=user, status=Status.PENDING).count()
    if waiting + count > settings.IMPORT_MAX_QUEUED_PER_USER:
        raise Refused(
            "queue_full",
            _("%(count)d of your imports wait already. Try again later.") % {"count": waiting},
            status=429,
            retry_after=30,
        )


def busy_targets(project: Project, targets: Sequence[tuple[str, str]]) -> dict[tuple[str, str], uuid.UUID]:
    """Which of these (name, tag) pairs an active import writes already, and which import that is."""
    names = {name for name, _tag in targets}
    rows = ImportTask.objects.filter(project=project, status__in=ACTIVE, target_name__in=names)
    active = {
        (row.target_name, row.target_tag): row.pk for row in rows.only("pk", "target_name", "target_tag")
    }
    return {target: active[target] for target in targets if target in active}


def _busy(task: ImportTask) -> Refused:
    found = busy_targets(task.project, [(task.target_name, task.target_tag)])
    active = found.get((task.target_name, task.target_tag))
    return Refused(
        "target_busy",
        _("Another import to %(target)s is under way.") % {"target": task.target_image},
        task=str(active) if active else None,
    )


def _check_tag(prepared: ValidatedImport) -> None:
    """Where the source is a digest, whether the tag names another one is known before anything is asked."""
    task = prepared.task
    if task.overwrite or not prepared.source.digest or task.platforms:
        return
    here = Image.objects.filter(project=task.project, repository=task.target_name, tag=task.target_tag)
    digest = here.values_list("digest", flat=True).first()
    if digest and digest != prepared.source.digest:
        raise Refused(
            "tag_exists", _("%(target)s already names another image.") % {"target": task.target_image}
        )


def _cancel_waiting(task: ImportTask) -> bool:
    if task.committing:
        return False
    return completion.end(
        task.pk,
        fence=task.fence,
        status=Status.CANCELED,
        outcome=Outcome.CANCELED,
        among=(Status.PENDING,),
    )


def _cancel_running(task: ImportTask) -> bool:
    said = parts(gettext_noop("Canceling"))
    asked = ImportTask.objects.filter(pk=task.pk, status=Status.RUNNING, committing=False).update(
        status=Status.CANCELING, message=english(said), message_parts=said, updated_at=timezone.now()
    )
    return bool(asked)
