"""Many imports at once: checked as a whole, made as a whole, looked at, canceled and retried as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from imageimport.batches.parsing import Entry, ListError, read_list
from imageimport.batches.selectors import Totals, totals_of
from imageimport.batches.validation import NOTHING, BatchErrors, prepare_all
from imageimport.choices import ACTIVE, Outcome, Priority, Status
from imageimport.exceptions import FieldErrors, Refused
from imageimport.messages import english, parts, shown
from imageimport.models import ImportBatch, ImportTask
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest, ValidatedImport
from imageimport.worker import completion, dispatch
from projects import audit
from projects.models import Project

__all__ = ["BatchErrors", "Totals", "cancel", "create", "retry", "submit_text", "totals_of"]

MOST: Final = 1000
#: Imports that are ended in one transaction, so that workers get at the rows in between.
CHUNK: Final = 50


def submit_text(
    *,
    project: Project,
    user: User | None,
    text: str,
    name: str = "",
    request: ImportRequest = NOTHING,
    audit_request: HttpRequest | None = None,
) -> ImportBatch:
    """Make a batch of a pasted list (:mod:`imageimport.batches.parsing`).

    :param request: what holds for all entries: credentials, platforms, overwrite, transport.
    :raises FieldErrors: on ``images``, with line numbers. :raises Refused: see :func:`create`.
    """
    try:
        entries = read_list(text).entries
    except ListError as exc:
        raise FieldErrors({"images": [shown("", parts(exc.template, exc.params))]}) from exc
    bad = {index: [shown("", parts(*entry.error))] for index, entry in enumerate(entries) if entry.error}
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
            audit_request=audit_request,
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
    audit_request: HttpRequest | None = None,
) -> ImportBatch:
    """Make a batch, or nothing at all. The same import twice becomes one.

    :param bad: what is known to be wrong already with which entry, to be told together with the rest.
    :param common: what holds for entries that don't say otherwise. A saved credential is used for its own registry's
        images; a username and password only where all images come from one registry.
    :raises BatchErrors: entries that can't be imported. :raises FieldErrors: the whole can't.
    :raises Refused: ``queue_full`` (429), ``quota_exceeded``.
    """
    if not entries or len(entries) > MOST:
        raise FieldErrors({"images": [_("A batch has 1 to %(limit)d images.") % {"limit": MOST}]})
    prepared = prepare_all(project, user, entries, common, bad)
    targets = [(each.task.target_name, each.task.target_tag) for each in prepared.values()]
    _refuse_busy(project, prepared)
    services.check_room(project, len(targets), user=user, targets=targets)
    batch = ImportBatch(project=project, name=name.strip(), requested_by=user)
    said = parts(services.WAITING)
    for index, each in prepared.items():
        task = each.task
        task.batch, task.batch_index, task.priority = batch, index, Priority.BATCH
        task.message, task.message_parts = english(said), said
    try:
        with transaction.atomic():
            batch.save(force_insert=True)
            _insert([each.task for each in prepared.values()])
            _journal("batch.created", batch, user, audit_request, count=len(prepared))
    except IntegrityError:
        _refuse_busy(
            project, prepared
        )  # Someone was quicker; if he is through already, the client asks again.
        raise Refused("target_busy", _("Another import to one of these targets has just begun.")) from None
    return batch


def cancel(*, batch: ImportBatch, user: User | None, audit_request: HttpRequest | None = None) -> int:
    """Cancel what has not ended. Returns how many imports that were.

    :raises Refused: ``not_cancelable`` when all have.
    """
    # From the end: workers take from the front.
    waiting = ImportTask.objects.filter(batch=batch, status=Status.PENDING, committing=False)
    rows = list(waiting.order_by("-batch_index").values_list("pk", "fence"))
    count = 0
    for start in range(0, len(rows), CHUNK):
        with transaction.atomic():
            count += sum(
                completion.end(
                    pk, fence=fence, status=Status.CANCELED, outcome=Outcome.CANCELED, among=(Status.PENDING,)
                )
                for pk, fence in rows[start : start + CHUNK]
            )
    count += sum(
        _cancel_one(task, user) for task in ImportTask.objects.filter(batch=batch, status__in=ACTIVE)
    )
    if not count:
        raise Refused("not_cancelable", _("Everything in this batch has ended already."))
    _journal("batch.canceled", batch, user, audit_request, count=count)
    return count


def retry(
    *,
    batch: ImportBatch,
    user: User | None,
    username: str = "",
    password: str = "",
    audit_request: HttpRequest | None = None,
) -> int:
    """Start what failed again; the new imports take the places of the failed ones. Returns how many.

    A failed one whose target another import writes by now stays as it is.

    :raises Refused: ``not_retryable`` when nothing failed, ``target_busy``, ``queue_full``, ``quota_exceeded``.
    :raises FieldErrors: credentials were erased and none were given.
    """
    failed = ImportTask.objects.filter(batch=batch, status=Status.FAILED, replaced=False)
    old = list(failed.select_related("project", "credential").order_by("batch_index"))
    if not old:
        raise Refused("not_retryable", _("Nothing in this batch has failed."))
    busy = services.busy_targets(batch.project, [(task.target_name, task.target_tag) for task in old])
    free = [task for task in old if (task.target_name, task.target_tag) not in busy]
    if not free:
        raise Refused("target_busy", _("Other imports to the same targets are under way."))
    new = [
        services.prepare_retry(task=task, user=user, username=username, password=password).task
        for task in free
    ]
    services.check_room(
        batch.project, len(new), user=user, targets=[(task.target_name, task.target_tag) for task in new]
    )
    said = parts(services.WAITING)
    for task in new:
        task.priority, task.message, task.message_parts = Priority.BATCH, english(said), said
    try:
        with transaction.atomic():
            # Of two who retry at once only one finds them in their places.
            gone = failed.filter(pk__in=[task.pk for task in free])
            if gone.update(replaced=True, dismissed_at=timezone.now()) != len(free):
                raise Refused("not_retryable", _("Nothing in this batch has failed."))
            ImportBatch.objects.filter(pk=batch.pk).update(completed_at=None)
            _insert(new)
            _journal("batch.retried", batch, user, audit_request, count=len(new))
    except IntegrityError as exc:
        raise Refused("target_busy", _("Another import to one of these targets has just begun.")) from exc
    return len(new)


def _asked(entry: Entry) -> ImportRequest:
    return ImportRequest(image_url=entry.reference, platforms=entry.platforms)


def _refuse_busy(project: Project, prepared: Mapping[int, ValidatedImport]) -> None:
    """:raises BatchErrors:"""
    targets = {index: (each.task.target_name, each.task.target_tag) for index, each in prepared.items()}
    busy = services.busy_targets(project, list(targets.values()))
    errors = {
        index: [
            _("Another import to %(target)s is under way.") % {"target": prepared[index].task.target_image}
        ]
        for index, target in targets.items()
        if target in busy
    }
    if errors:
        raise BatchErrors(errors)


def _insert(tasks: Sequence[ImportTask]) -> None:
    ImportTask.objects.bulk_create(tasks)
    dispatch.after_commit(len(tasks))


def _cancel_one(task: ImportTask, user: User | None) -> bool:
    try:
        services.cancel(task=task, user=user)
    except Refused:
        return False  # It ended in between, or is being published: nothing is left to stop.
    return True


def _journal(
    action: str, batch: ImportBatch, user: User | None, request: HttpRequest | None, **detail: Any
) -> None:
    audit.record(
        action=action,
        actor=user,
        project=batch.project,
        subject=batch.name or str(batch.pk),
        detail={"batch": str(batch.pk), **detail},
        request=request,
    )
