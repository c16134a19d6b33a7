"""Many imports at once: checked as a whole, made as a whole, looked at, canceled and retried as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.exceptions import ApplicationError, FieldErrors, filled, sentence_of
from imageimport.batches.parsing import Entry, read_list
from imageimport.batches.selectors import Totals, totals_of
from imageimport.batches.validation import NOTHING, BatchErrors, prepare_all
from imageimport.choices import Outcome, Priority, Status
from imageimport.models import ImportBatch, ImportTask
from imageimport.policy.judging import ask
from imageimport.submission import services
from imageimport.submission.admission import Admission, admit, insert
from imageimport.submission.requests import ImportRequest, ValidatedImport
from imageimport.worker import completion
from projects import audit
from projects.models import Project

__all__ = ["BatchErrors", "Totals", "cancel", "create", "retry", "submit_text", "totals_of"]

MAX_IMAGES: Final = 1000
#: Imports that are ended in one transaction, so that workers get at the rows in between.
CHUNK: Final = 50
_JUST_BEGUN: Final = gettext_noop(
    "Another import to one of these targets has just started. Try again when it has finished."
)
_NOTHING_FAILED: Final = gettext_noop("No import of this batch has failed.")


def submit_text(
    *, project: Project, user: User | None, text: str, name: str = "", request: ImportRequest = NOTHING
) -> ImportBatch:
    """Make a batch of a pasted list (:mod:`imageimport.batches.parsing`).

    :param request: what holds for all entries: credentials, platforms, overwrite, transport.
    :raises FieldErrors: on ``images``, with line numbers.
    :raises ApplicationError: see :func:`create`.
    """
    entries = read_list(text).entries
    bad = {index: [filled(*entry.error)] for index, entry in enumerate(entries) if entry.error}
    lines = [entry.line for entry in entries]
    if bad:
        raise BatchErrors(bad, lines)
    try:
        return create(
            project=project,
            user=user,
            entries=[_asked(entry) for entry in entries],
            name=name,
            common=request,
        )
    except BatchErrors as exc:
        raise BatchErrors(exc.by_index, lines) from exc


def create(
    *,
    project: Project,
    user: User | None,
    entries: Sequence[ImportRequest],
    name: str = "",
    common: ImportRequest = NOTHING,
    bad: Mapping[int, Sequence[str]] = MappingProxyType({}),
) -> ImportBatch:
    """Make a batch, or nothing at all. The same import twice becomes one.

    :param bad: what is known to be wrong already with which entry, to be told together with the rest.
    :param common: what holds for entries that don't say otherwise. A saved credential is used for its own registry's
        images; a username and password only where all images come from one registry.
    :raises BatchErrors: entries that can't be imported.
    :raises FieldErrors: the whole can't.
    :raises ApplicationError: ``queue_full`` (429), ``quota_exceeded``.
    """
    if not entries or len(entries) > MAX_IMAGES:
        raise FieldErrors(
            {"images": [_("A batch can contain 1 to %(limit)d images.") % {"limit": MAX_IMAGES}]}
        )
    prepared = prepare_all(project, user, entries, common, bad)
    admissions = _admit(project, prepared)
    _refuse_busy(project, prepared)
    protected = services.protected_targets(project, prepared)
    if protected:
        raise BatchErrors({index: [sentence_of(error)] for index, error in protected.items()})
    batch = ImportBatch(project=project, name=name.strip(), requested_by=user)
    for index, each in prepared.items():
        task = each.task
        task.batch, task.batch_index, task.priority = batch, index, Priority.BATCH
    try:
        with transaction.atomic():
            services.check_room_for(project, admissions, user=user)
            batch.save(force_insert=True)
            insert(admissions)
            audit.record("batch.created", batch, count=len(prepared))
    except IntegrityError:
        _refuse_busy(
            project, prepared
        )  # Someone was quicker; if they are through already, the client asks again.
        raise ApplicationError("target_busy", _JUST_BEGUN) from None
    return batch


def cancel(*, batch: ImportBatch) -> int:
    """Cancel what has not ended. Returns how many imports that were.

    :raises ApplicationError: ``not_cancelable`` when all have.
    """
    # From the end: workers take from the front.
    still = ImportTask.objects.with_status((Status.REQUESTED, Status.PENDING))
    waiting = still.not_publishing().filter(batch=batch)
    rows = list(waiting.order_by("-batch_index").values_list("pk", "fence"))
    count = 0
    for start in range(0, len(rows), CHUNK):
        with transaction.atomic():
            count += sum(
                completion.end(
                    pk,
                    fence=fence,
                    status=Status.CANCELED,
                    outcome=Outcome.CANCELED,
                    from_states=(Status.REQUESTED, Status.PENDING),
                )
                for pk, fence in rows[start : start + CHUNK]
            )
    count += sum(_cancel_one(task) for task in ImportTask.objects.active().filter(batch=batch))
    if not count:
        raise ApplicationError(
            "not_cancelable", gettext_noop("All imports of this batch have already finished.")
        )
    audit.record("batch.canceled", batch, count=count)
    return count


def retry(*, batch: ImportBatch, user: User | None, username: str = "", password: str = "") -> int:
    """Start what failed again; the new imports take the places of the failed ones. Returns how many.

    A failed one whose target another import writes by now stays as it is.

    :raises ApplicationError: ``not_retryable`` when nothing failed; ``target_busy``, ``queue_full``,
        ``quota_exceeded``.
    :raises FieldErrors: credentials were erased and none were given.
    """
    failed = ImportTask.objects.current_of(batch).failed()
    old = list(failed.select_related("project", "credential").order_by("batch_index"))
    if not old:
        raise ApplicationError("not_retryable", _NOTHING_FAILED)
    busy = services.busy_targets(batch.project, [(task.target_name, task.target_tag) for task in old])
    free = [task for task in old if (task.target_name, task.target_tag) not in busy]
    if not free:
        raise ApplicationError(
            "target_busy",
            gettext_noop(
                "Other imports to the same targets are in progress. Try again when they have finished."
            ),
        )
    prepared = {
        task.pk: services.prepare_retry(task=task, user=user, username=username, password=password)
        for task in free
    }
    for refusal in services.protected_targets(batch.project, prepared).values():
        raise refusal
    new = [each.task for each in prepared.values()]
    free, admissions = _admit_retries(batch.project, free, new)
    for task in new:
        task.priority = Priority.BATCH
    try:
        with transaction.atomic():
            services.check_room_for(batch.project, admissions, user=user)
            # Of two who retry at once only one finds them in their places.
            gone = failed.filter(pk__in=[task.pk for task in free])
            if gone.update(replaced=True, dismissed_at=timezone.now()) != len(free):
                raise ApplicationError("not_retryable", _NOTHING_FAILED)
            ImportBatch.objects.filter(pk=batch.pk).update(completed_at=None)
            insert(admissions)
            audit.record("batch.retried", batch, count=len(admissions))
    except IntegrityError as exc:
        raise ApplicationError("target_busy", _JUST_BEGUN) from exc
    return len(admissions)


def _asked(entry: Entry) -> ImportRequest:
    return ImportRequest(image_url=entry.reference, platforms=entry.platforms or None)


def _refuse_busy(project: Project, prepared: Mapping[int, ValidatedImport]) -> None:
    """Refuse the batch if another import writes to one of its targets.

    :raises BatchErrors:
    """
    targets = {index: (each.task.target_name, each.task.target_tag) for index, each in prepared.items()}
    busy = services.busy_targets(project, list(targets.values()))
    errors = {
        index: [
            _("Another import to %(target)s is in progress. Wait for it to finish, or cancel it.")
            % {"target": prepared[index].task.target_image}
        ]
        for index, target in targets.items()
        if target in busy
    }
    if errors:
        raise BatchErrors(errors)


def _admit(project: Project, prepared: Mapping[int, ValidatedImport]) -> list[Admission]:
    """Ask the rules about each entry.

    :raises BatchErrors: rules refuse some of the entries.
    """
    asked = ask(project)
    admissions: list[Admission] = []
    errors: dict[int, list[str]] = {}
    for index, each in prepared.items():
        try:
            admissions.append(admit(each.task, asked))
        except ApplicationError as exc:
            errors[index] = [exc.detail]
    if errors:
        raise BatchErrors(errors)
    return admissions


def _admit_retries(
    project: Project, old: Sequence[ImportTask], new: Sequence[ImportTask]
) -> tuple[list[ImportTask], list[Admission]]:
    """Those that may be tried again: what a rule refuses by now stays as it is.

    :raises ApplicationError: ``refused_by_rule``, where that is all of them.
    """
    asked = ask(project)
    admitted: list[tuple[ImportTask, Admission]] = []
    refused: ApplicationError | None = None
    for before, task in zip(old, new, strict=True):
        try:
            admitted.append((before, admit(task, asked)))
        except ApplicationError as exc:
            refused = exc
    if refused is not None and not admitted:
        raise refused
    return [before for before, _admission in admitted], [admission for _before, admission in admitted]


def _cancel_one(task: ImportTask) -> bool:
    try:
        services.cancel(task=task)
    except ApplicationError:
        return False  # It ended in between, or is being published: nothing is left to stop.
    return True
