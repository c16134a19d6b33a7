"""What may be done with imports: submit, cancel, retry, dismiss. Writes rows; the work itself is the workers'."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import TypeVar

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.exceptions import ApplicationError, FieldErrors
from imageimport import quotas
from imageimport.choices import RETRYABLE, Outcome, Priority, Status
from imageimport.messages import english, parts
from imageimport.models import BundleUpload, ImportBatch, ImportTask, ScheduleRun
from imageimport.models.task import ImportTaskQuerySet
from imageimport.policy.judging import ask
from imageimport.submission.admission import Admission, admit, insert
from imageimport.submission.requests import ImportRequest, ValidatedImport, prepare
from imageimport.worker import completion, dispatch, windows
from projects import audit, protection
from projects.locking import locked
from projects.models import Image, Project
from projects.quota import locked_quotas

log = structlog.get_logger(__name__)

K = TypeVar("K")

__all__ = [
    "ApplicationError",
    "FieldErrors",
    "ImportRequest",
    "ValidatedImport",
    "cancel",
    "create",
    "dismiss",
    "hasten",
    "prepare",
    "retry",
    "retry_edited",
    "submit",
]


def submit(
    *,
    project: Project,
    user: User | None,
    request: ImportRequest,
    run: ScheduleRun | None = None,
    only_ask: bool = False,
    robot: str = "",
) -> ImportTask:
    """Check a request, write its row and, after commit, hint to a worker.

    :param robot: the name of the robot account that asks, where no user does.
    :param run: the scheduled run that asks, behind what people ask for.
    :param only_ask: ``user`` may ask for approval, and import nothing that needs none.
    :raises FieldErrors: fields are wrong.
    :raises ApplicationError: ``refused_by_rule`` (403, with ``rule``), ``target_busy`` (with ``task``), ``tag_exists``,
        ``tag_protected``, ``quota_exceeded``, ``queue_full`` (429); with ``only_ask`` also ``permission_denied``.
    """
    prepared = prepare(project=project, user=user, request=request)
    prepared.task.robot = robot
    if only_ask and request.credential is not None:
        raise ApplicationError(
            "permission_denied", gettext_noop("Your role in this project doesn't allow saved credentials.")
        )
    if run is not None:
        prepared.task.priority = Priority.SCHEDULED
        prepared.task.schedule_id, prepared.task.schedule_run = run.schedule_id, run
    return create(prepared, only_ask=only_ask)


def create(prepared: ValidatedImport, *, only_ask: bool = False) -> ImportTask:
    """Judge and write a prepared row.

    :raises ApplicationError: see :func:`submit`.
    """
    task = prepared.task
    admission = admit(task, ask(task.project), only_ask=only_ask)
    _check_tag(prepared)
    try:
        with transaction.atomic():
            check_room_for(task.project, [admission], user=task.requested_by)
            insert([admission])
            audit.record("import.requested" if admission.asks else "import.created", task)
    except IntegrityError as exc:
        raise _busy(task) from exc
    return task


def hasten(task: ImportTask) -> None:
    """Someone waits for an import that a batch or a scheduled sync asked for: it goes first now, whatever the hour."""
    behind = ImportTask.objects.waiting().filter(pk=task.pk, priority__gt=Priority.INTERACTIVE)
    if windows.let_go(behind):
        log.info("import.hastened", task_id=str(task.pk))
    if behind.update(priority=Priority.INTERACTIVE):
        dispatch.after_commit()


def cancel(*, task: ImportTask) -> ImportTask:
    """Ask an import to stop. One that waits ends at once; one that runs, within seconds.

    :raises ApplicationError: ``not_cancelable`` when it has ended.
    """
    with transaction.atomic():
        # Locked, so that it can't change between the two questions.
        task = ImportTask.objects.select_for_update().get(pk=task.pk)
        if not _cancel_waiting(task) and not _cancel_running(task):
            if task.is_terminal:
                raise ApplicationError("not_cancelable", gettext_noop("This import has already finished."))
            if task.status != Status.CANCELING:
                raise ApplicationError(
                    "not_cancelable",
                    gettext_noop("This import is already publishing and can no longer be canceled."),
                )
        audit.record("import.canceled", task)
    task.refresh_from_db()
    return task


def run_now(*, task: ImportTask) -> ImportTask:
    """Let an import move bytes outside of its hours.

    :raises ApplicationError: ``not_waiting`` when it has ended.
    """
    with transaction.atomic():
        locked(task)
        if task.is_terminal:
            raise ApplicationError("not_waiting", gettext_noop("This import has already ended."))
        task.outside_window = True
        task.save(update_fields=["outside_window"])
        if windows.let_go(ImportTask.objects.filter(pk=task.pk)):
            locked(task)
        audit.record("import.now", task)
        dispatch.after_commit()
    return task


def retry(*, task: ImportTask, user: User | None, username: str = "", password: str = "") -> ImportTask:
    """Start a failed or canceled import again, as a new task that reuses what has arrived.

    :param username: with ``password``, one-time credentials in place of those that were erased.
    :raises ApplicationError: ``not_retryable`` unless failed or canceled; else see :func:`submit`.
    :raises FieldErrors: its credentials were erased and none were given.
    """
    prepared = prepare_retry(task=task, user=user, username=username, password=password)
    return _in_place_of(task, prepared)


def retry_edited(*, task: ImportTask, user: User | None, request: ImportRequest) -> ImportTask:
    """Start a failed or canceled import again with what the person changed. The new import is a retry of the old one
    and takes its place on the project page and in its batch; it carries no secret of it, and belongs to no schedule.

    :raises FieldErrors: fields are wrong.
    :raises ApplicationError: ``not_retryable`` unless failed or canceled; else see :func:`submit`.
    """
    _check_retryable(task)
    prepared = prepare(project=task.project, user=user, request=request)
    _take_place(prepared.task, task)
    return _in_place_of(task, prepared)


def prepare_retry(
    *, task: ImportTask, user: User | None, username: str = "", password: str = ""
) -> ValidatedImport:
    """The row that would take the place of an ended one; see :func:`retry`."""
    _check_retryable(task)
    if task.credentials_erased and not password:
        raise FieldErrors({"password": [_("The credentials of this import were erased. Enter them again.")]})
    _check_uploads(task)
    request = ImportRequest(
        image_url=task.image_url,
        target_name=task.target_name,
        target_tag=task.target_tag,
        username=username,
        password=password,
        credential=None if password else task.credential,
        platforms=task.platforms,
        platforms_by_default=task.platforms_by_default,
        overwrite=task.overwrite,
        include_referrers=task.include_referrers,
        transport=task.transport,
        uploads=task.uploads,
        named_source="" if task.source_image == task.image_url else task.source_image,
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
        raise ApplicationError(
            "not_retryable", gettext_noop("Only a failed or canceled import can be retried.")
        )


def _check_uploads(task: ImportTask) -> None:
    """Whether the files that it was read from are here still."""
    wanted = set(task.uploads)
    if wanted and BundleUpload.objects.filter(project=task.project_id, pk__in=wanted).count() < len(wanted):
        raise ApplicationError(
            "not_retryable", gettext_noop("The uploaded file is no longer here. Upload it again.")
        )


def _take_place(new: ImportTask, old: ImportTask) -> None:
    new.retry_of = old
    new.priority = Priority.INTERACTIVE
    if not old.replaced:  # its place in the counts is another's already
        new.batch_id, new.batch_index = old.batch_id, old.batch_index


def _in_place_of(old: ImportTask, prepared: ValidatedImport) -> ImportTask:
    """Write the new row and take the old one off the project page, and out of the counts where the new one counts."""
    with transaction.atomic():
        new = create(prepared)
        ImportTask.objects.filter(pk=old.pk).update(
            replaced=old.replaced or bool(new.batch_id or new.schedule_run_id), dismissed_at=timezone.now()
        )
        if old.batch_id:
            ImportBatch.objects.filter(pk=old.batch_id).update(completed_at=None)
    return new


def dismiss(*, task: ImportTask) -> None:
    """Take a failed import off the project page; the history keeps it."""
    ImportTask.objects.filter(pk=task.pk, dismissed_at=None).update(dismissed_at=timezone.now())


def dismiss_all(*, project: Project) -> None:
    """As :func:`dismiss`, every failed import of the project."""
    rows = ImportTask.objects.filter(project=project, status=Status.FAILED, dismissed_at=None)
    rows.update(dismissed_at=timezone.now())


def check_room_for(project: Project, admissions: Sequence[Admission], *, user: User | None) -> None:
    """Whether these imports of ``user`` may wait in this project, and have a place in it. What waits for a worker and
    what waits for approval have the same bounds, each its own: requests keep no one from importing.

    In the transaction of a caller who writes them, before anything else of it: the project is locked until its end.

    :raises ApplicationError: ``queue_full`` (429 with Retry-After) or ``quota_exceeded`` (409).
    """
    project = locked_quotas(project.pk)
    asking = sum(each.asks for each in admissions)
    targets = [(each.task.target_name, each.task.target_tag) for each in admissions]
    if asking:
        requested = ImportTask.objects.requested()
        _check_queue(requested.filter(project=project).count(), asking)
        _check_account(user, asking, requested)
    check_room(project, len(admissions) - asking, user=user, targets=targets)


def check_room(
    project: Project, count: int, *, user: User | None, targets: Sequence[tuple[str, str]] = ()
) -> None:
    """Whether ``count`` more imports of ``user`` may wait in this project, and their ``targets`` have a place in it.

    :raises ApplicationError: ``queue_full`` (429 with Retry-After) or ``quota_exceeded`` (409).
    """
    waiting = ImportTask.objects.waiting().filter(project=project).count()
    if count:
        _check_queue(waiting, count)
        _check_account(user, count, ImportTask.objects.waiting())
    quotas.check_submission(project=project, waiting=waiting, count=count, targets=targets)


def _check_queue(waiting: int, count: int) -> None:
    if waiting + count > settings.IMPORT_MAX_QUEUED_PER_PROJECT:
        raise ApplicationError(
            "queue_full",
            gettext_noop("%(count)d imports are already queued in this project. Try again later."),
            retry_after=30,
            count=waiting,
        )


def _check_account(user: User | None, count: int, rows: ImportTaskQuerySet) -> None:
    """What one account has waiting in all its projects is bounded: each claim looks through what waits.

    :raises ApplicationError: ``queue_full`` (429 with Retry-After).
    """
    if user is None or user.is_superuser:
        return
    waiting = rows.filter(requested_by=user).count()
    if waiting + count > settings.IMPORT_MAX_QUEUED_PER_USER:
        raise ApplicationError(
            "queue_full",
            gettext_noop("%(count)d of your imports are already queued. Try again later."),
            retry_after=30,
            count=waiting,
        )


def busy_targets(project: Project, targets: Sequence[tuple[str, str]]) -> dict[tuple[str, str], uuid.UUID]:
    """Which of these (name, tag) pairs an active import writes already, and which import that is."""
    names = {name for name, _tag in targets}
    rows = ImportTask.objects.active().filter(project=project, target_name__in=names)
    active = {
        (row.target_name, row.target_tag): row.pk for row in rows.only("pk", "target_name", "target_tag")
    }
    return {target: active[target] for target in targets if target in active}


def _busy(task: ImportTask) -> ApplicationError:
    found = busy_targets(task.project, [(task.target_name, task.target_tag)])
    active = found.get((task.target_name, task.target_tag))
    return ApplicationError(
        "target_busy",
        gettext_noop("Another import to %(target)s is in progress. Wait for it to finish, or cancel it."),
        facts={"task": str(active) if active else None},
        target=task.target_image,
    )


def protected_targets(project: Project, prepared: Mapping[K, ValidatedImport]) -> dict[K, ApplicationError]:
    """Which of these imports would change a protected tag that exists, with what each is refused."""
    protects = protection.patterns_of(project)
    targets = {
        key: (each.task.target_name, each.task.target_tag, pattern)
        for key, each in prepared.items()
        if (pattern := protects(each.task.target_name, each.task.target_tag))
    }
    if not targets:
        return {}
    names = {name for name, _tag, _pattern in targets.values()}
    rows = Image.objects.filter(project=project, repository__in=names)
    held = {(name, tag): digest for name, tag, digest in rows.values_list("repository", "tag", "digest")}
    return {
        key: protection.refusal(f"{name}:{tag}", pattern)
        for key, (name, tag, pattern) in targets.items()
        if held.get((name, tag), prepared[key].source.digest) != prepared[key].source.digest
    }


def _check_tag(prepared: ValidatedImport) -> None:
    """Where the source is a digest, whether the tag names another one is known before anything is asked.

    :raises ApplicationError: ``tag_exists``; ``tag_protected``, whatever the source: a tag's digest is not known yet,
        and people rather hear it now.
    """
    task = prepared.task
    for refusal in protected_targets(task.project, {0: prepared}).values():
        raise refusal
    if task.overwrite or not prepared.source.digest or task.platforms:
        return
    here = Image.objects.filter(project=task.project, repository=task.target_name, tag=task.target_tag)
    digest = here.values_list("digest", flat=True).first()
    if digest and digest != prepared.source.digest:
        raise ApplicationError(
            "tag_exists",
            gettext_noop(
                "%(target)s already points to a different image. Choose another tag, or allow overwriting."
            ),
            target=task.target_image,
        )


def _cancel_waiting(task: ImportTask) -> bool:
    if task.publishing:
        return False
    return completion.end(
        task.pk,
        fence=task.fence,
        status=Status.CANCELED,
        outcome=Outcome.CANCELED,
        from_states=(Status.REQUESTED, Status.PENDING),
    )


def _cancel_running(task: ImportTask) -> bool:
    message_parts = parts(gettext_noop("Canceling"))
    running = ImportTask.objects.running().not_publishing()
    asked = running.filter(pk=task.pk).update(
        status=Status.CANCELING,
        message=english(message_parts),
        message_parts=message_parts,
        updated_at=timezone.now(),
    )
    return bool(asked)
