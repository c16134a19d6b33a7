"""What a project may hold: images, bytes, waiting imports. An empty quota means unlimited.

Asked at submission, where the target is known, and again by the worker once the image's size is known and before a
byte of it moves. Bytes count each tag's size once, as the registry's list of images does; what other imports of the
project are about to bring counts too, and what is restored right now, so that many at once don't pass together: each is
asked, and its size written into its row, under the lock of the project's row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_noop

from accounts.exceptions import ApplicationError
from imageimport.models import ImportTask
from oci.errors import OciError
from projects.models import Holding, Image, Project
from projects.quota import Room, locked_quotas, reserved_in

Target = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Usage:
    """What a project holds and may hold; a limit is None where there is none. Bytes as :attr:`Image.size`."""

    images: int
    images_limit: int | None
    bytes: int
    bytes_limit: int | None
    queued: int
    queued_limit: int | None


def usage(project: Project) -> Usage:
    """What a project holds now, beside its limits (None: no limit)."""
    held = Holding.objects.filter(project=project).first() or Holding()
    return Usage(
        images=held.images,
        images_limit=project.quota_images,
        bytes=held.bytes,
        bytes_limit=project.quota_bytes,
        queued=ImportTask.objects.waiting().filter(project=project).count(),
        queued_limit=project.quota_queued,
    )


def check_submission(*, project: Project, waiting: int, count: int, targets: Sequence[Target] = ()) -> None:
    """Whether ``count`` more imports fit, with ``waiting`` imports in the queue already.

    :param targets: their (name, tag) pairs, where they are known: those that are new need a place.
    :raises ApplicationError: ``quota_exceeded`` (409).
    """
    if project.quota_queued is not None and waiting + count > project.quota_queued:
        raise ApplicationError(
            "quota_exceeded",
            gettext_noop(
                "This project allows %(limit)d queued imports; %(now)d are queued. Try again when some "
                "have finished."
            ),
            limit=project.quota_queued,
            now=waiting,
        )
    if project.quota_images is None or not targets:
        return
    active = ImportTask.objects.active().filter(project=project)
    coming = set(active.values_list("target_name", "target_tag")) | set(targets)
    # Of a project's tags only those that are coming are read: it may hold a hundred thousand.
    names, tags = ({each[part] for each in coming} for part in (0, 1))
    there = Image.objects.filter(project=project, repository__in=names, tag__in=tags)
    new = coming - set(there.values_list("repository", "tag"))
    if new.isdisjoint(targets):
        return
    held = Holding.objects.filter(project=project).values_list("images", flat=True).first() or 0
    if held + reserved_in(project).images + len(new) > project.quota_images:
        raise ApplicationError(
            "quota_exceeded",
            gettext_noop("This project can hold %(limit)d images and already has %(now)d."),
            limit=project.quota_images,
            now=held,
        )


def check_before_transfer(
    project: Project,
    bytes_new: int,
    new_tag: bool,
    *,
    others: QuerySet[ImportTask] | None = None,
    bytes_freed: int = 0,
) -> None:
    """Whether an image of ``bytes_new`` bytes fits, now that its size is known.

    :param new_tag: it needs a place of its own; else it takes that of ``bytes_freed`` bytes.
    :param others: imports of the project that are bringing something right now.
    :raises OciError: ``quota_exceeded``.
    """
    if _is_unlimited(project):
        return
    held = usage(project)
    brought = _brought_by(project, others) + reserved_in(project)
    if (
        project.quota_images is not None
        and new_tag
        and held.images + brought.images + 1 > project.quota_images
    ):
        raise OciError(
            "quota_exceeded",
            gettext_noop("This project can hold %(limit)d images and is full."),
            limit=project.quota_images,
        )
    total = held.bytes - bytes_freed + brought.bytes + bytes_new
    if project.quota_bytes is not None and total > project.quota_bytes:
        raise OciError(
            "quota_exceeded",
            gettext_noop("This project can hold %(limit)d bytes; with this image it would need %(total)d."),
            limit=project.quota_bytes,
            total=total,
        )


def check_task(task: ImportTask, size: int) -> None:
    """:func:`check_before_transfer` for an import whose image has ``size`` bytes.

    In the transaction of a caller who writes ``size`` into the task's row, which the next one then counts: the
    project's row is locked until that is done.

    :raises OciError: ``quota_exceeded``.
    """
    if _is_unlimited(Project.objects.only("quota_images", "quota_bytes").get(pk=task.project_id)):
        return
    with transaction.atomic(savepoint=False):
        project = locked_quotas(task.project_id)
        old = Image.objects.filter(project=project, repository=task.target_name, tag=task.target_tag).first()
        # Those who were asked already have written their size; an older one that was not will be.
        others = ImportTask.objects.occupying().filter(project=project).exclude(pk=task.pk)
        others = others.filter(Q(bytes_total__gt=0) | Q(pk__lt=task.pk))
        check_before_transfer(project, size, old is None, others=others, bytes_freed=old.size if old else 0)


def _is_unlimited(project: Project) -> bool:
    return project.quota_images is None and project.quota_bytes is None


def coming(project: Project) -> Room:
    """What imports that passed their check are bringing into a project."""
    return _brought_by(project, ImportTask.objects.occupying().filter(project=project, bytes_total__gt=0))


def _brought_by(project: Project, others: QuerySet[ImportTask] | None) -> Room:
    if others is None:
        return Room()
    rows = Image.objects.filter(project=project).values_list("repository", "tag", "size")
    held = {(name, tag): size for name, tag, size in rows}
    images = total = 0
    for name, tag, size in others.values_list("target_name", "target_tag", "bytes_total"):
        images += (name, tag) not in held
        total += max(0, size - held.get((name, tag), 0))
    return Room(images, total)
