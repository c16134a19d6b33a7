"""What a project may hold: images, bytes, waiting imports. An empty quota means unlimited.

Asked at submission, where the target is known, and again by the worker once the image's size is known and before a
byte of it moves. Bytes count each tag's size once, as the registry's list of images does; what other imports of the
project are about to bring counts too, so that many at once don't pass together: each is asked, and its size written
into its row, under the lock of the project's row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from imageimport.choices import ACTIVE, OCCUPYING, Status
from imageimport.exceptions import Refused
from imageimport.models import ImportTask
from imageimport.worker.progress import Progress
from oci.copy.observer import LayerPlan, LayerState, Params
from oci.errors import OciError, gettext_noop
from projects.models import Holding, Image, Project

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
    """For the page and the API."""
    held = Holding.objects.filter(project=project).first() or Holding()
    return Usage(
        images=held.images,
        images_limit=project.quota_images,
        bytes=held.bytes,
        bytes_limit=project.quota_bytes,
        queued=ImportTask.objects.filter(project=project, status=Status.PENDING).count(),
        queued_limit=project.quota_queued,
    )


def check_submission(*, project: Project, waiting: int, count: int, targets: Sequence[Target] = ()) -> None:
    """Whether ``count`` more imports fit, with ``waiting`` imports in the queue already.

    :param targets: their (name, tag) pairs, where they are known: those that are new need a place.
    :raises Refused: ``quota_exceeded`` (409).
    """
    if project.quota_queued is not None and waiting + count > project.quota_queued:
        sentence = _("At most %(limit)d imports may wait in this project, and %(now)d do.")
        raise _refused(sentence, project.quota_queued, waiting)
    if project.quota_images is None or not targets:
        return
    active = ImportTask.objects.filter(project=project, status__in=ACTIVE)
    coming = set(active.values_list("target_name", "target_tag")) | set(targets)
    held = set(Image.objects.filter(project=project).values_list("repository", "tag"))
    if set(targets) - held and len(held | coming) > project.quota_images:
        raise _refused(
            _("The project may hold %(limit)d images, and has %(now)d."), project.quota_images, len(held)
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
    brought = _brought_by(project, others)
    if (
        project.quota_images is not None
        and new_tag
        and held.images + brought["images"] + 1 > project.quota_images
    ):
        raise OciError(
            "quota_exceeded",
            gettext_noop("The project may hold %(limit)d images, and there is no room for another."),
            limit=project.quota_images,
        )
    total = held.bytes - bytes_freed + brought["bytes"] + bytes_new
    if project.quota_bytes is not None and total > project.quota_bytes:
        raise OciError(
            "quota_exceeded",
            gettext_noop("The project may hold %(limit)d bytes; with this image it would hold %(total)d."),
            limit=project.quota_bytes,
            total=total,
        )


def check_task(task: ImportTask, size: int) -> None:
    """:func:`check_before_transfer` for an import whose image has ``size`` bytes.

    In the transaction of a caller who writes ``size`` into the task's row, which the next one then counts: the
    project's row is locked until that is done.

    :raises OciError: ``quota_exceeded``.
    """
    rows = Project.objects.only("quota_images", "quota_bytes")
    if _is_unlimited(rows.get(pk=task.project_id)):
        return
    with transaction.atomic(savepoint=False):
        # "No key": rows that only refer to the project are written meanwhile.
        project = rows.select_for_update(no_key=True).get(pk=task.project_id)
        old = Image.objects.filter(project=project, repository=task.target_name, tag=task.target_tag).first()
        # Those who were asked already have written their size; an older one that was not will be.
        others = ImportTask.objects.filter(project=project, status__in=OCCUPYING).exclude(pk=task.pk)
        others = others.filter(Q(bytes_total__gt=0) | Q(pk__lt=task.pk))
        check_before_transfer(project, size, old is None, others=others, bytes_freed=old.size if old else 0)


class WithinQuota:
    """Passes an engine's calls on to an attempt's progress; raises where the image is too large for its project."""

    def __init__(self, progress: Progress, task: ImportTask) -> None:
        self._observer = progress
        self._task = task

    def layers(self, layers: Sequence[LayerPlan]) -> None:
        """:raises OciError: ``quota_exceeded``, which ends the import before a byte has moved."""
        size = sum(layer.size for layer in layers)
        self._observer.admit(layers, lambda: check_task(self._task, size))

    def layer(self, digest: str, state: LayerState, bytes_done: int) -> None:
        self._observer.layer(digest, state, bytes_done)

    def reused(self, count: int) -> None:
        self._observer.reused(count)

    def waiting(self, template: str, params: Params, until: float | None) -> None:
        self._observer.waiting(template, params, until)

    def retried(self) -> None:
        self._observer.retried()


def _is_unlimited(project: Project) -> bool:
    return project.quota_images is None and project.quota_bytes is None


def _brought_by(project: Project, others: QuerySet[ImportTask] | None) -> dict[str, int]:
    if others is None:
        return {"images": 0, "bytes": 0}
    rows = Image.objects.filter(project=project).values_list("repository", "tag", "size")
    held = {(name, tag): size for name, tag, size in rows}
    images = total = 0
    for name, tag, size in others.values_list("target_name", "target_tag", "bytes_total"):
        images += (name, tag) not in held
        total += max(0, size - held.get((name, tag), 0))
    return {"images": images, "bytes": total}


def _refused(template: str, limit: int, now: int) -> Refused:
    return Refused("quota_exceeded", template % {"limit": limit, "now": now})
