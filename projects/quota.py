"""Whether a project holds more than it may, or would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.exceptions import ApplicationError
from projects.locking import Leases
from projects.models import Holding, Project, Reservation

#: Room whose process died is free again after this, seconds: longer than a registry takes to put a tag.
RESERVED: Final = Leases("until", 300)


def excess(project: Project) -> str:
    """Why the project is over its quota, as registries say such things: one English sentence. Empty: it is not.

    A project that holds exactly what it may is not over it: its tags may be pushed again.
    """
    if _is_unlimited(project):
        return ""
    held = Holding.objects.filter(project=project).first() or Holding()
    if project.quota_images is not None and held.images > project.quota_images:
        return (
            f"The project {project.name} may hold {project.quota_images} images, and holds {held.images}. "
            "Delete some, then push again."
        )
    if project.quota_bytes is not None and held.bytes > project.quota_bytes:
        return (
            f"The project {project.name} may hold {project.quota_bytes} bytes, and holds {held.bytes}. "
            "Delete some images, then push again."
        )
    return ""


def locked_quotas(project_id: UUID) -> Project:
    """The project with its quotas, locked until the transaction ends: who asks for room waits for those who asked
    before, and counts what they wrote.
    """
    rows = Project.objects.only("quota_images", "quota_bytes", "quota_queued")
    # "No key": rows that only refer to the project are written in the meantime.
    return rows.select_for_update(no_key=True).get(pk=project_id)


@dataclass(frozen=True, slots=True)
class Room:
    """So many images and bytes."""

    images: int = 0
    bytes: int = 0

    def __add__(self, other: Room) -> Room:
        return Room(self.images + other.images, self.bytes + other.bytes)


#: Each says what else is about to come into a project: what imports are bringing.
coming: Final[list[Callable[[Project], Room]]] = []


def reserved_in(project: Project) -> Room:
    """What is reserved in a project now."""
    rows = Reservation.objects.filter(RESERVED.is_held(timezone.now()), project=project)
    found = rows.aggregate(images=Sum("images", default=0), bytes=Sum("bytes", default=0))
    return Room(found["images"], found["bytes"])


@contextmanager
def reserved(project: Project, *, images: int, size: int) -> Iterator[None]:
    """Room for a tag that is to name something again, until the end of the block, in which its row is written: between
    the two it counts twice, never not at all.

    It is asked for, and written down, under the lock of the project's row: of several at once, whether they restore or
    import, each counts those before it.

    :param images: how many tags more the project will have.
    :param size: how many bytes more; not positive: it holds no more than now.
    :raises ApplicationError: ``quota_exceeded``.
    """
    row = _reserve(project, Room(images, max(0, size)))
    try:
        yield
    finally:
        if row is not None:
            row.delete()


def _reserve(project: Project, room: Room) -> Reservation | None:
    if room == Room() or _is_unlimited(
        Project.objects.only("quota_images", "quota_bytes").get(pk=project.pk)
    ):
        return None
    with transaction.atomic():
        locked = locked_quotas(project.pk)
        now = timezone.now()
        Reservation.objects.filter(RESERVED.is_free(now), project=project).delete()
        held = Holding.objects.filter(project=project).first() or Holding()
        total = (
            sum((each(locked) for each in coming), Room(held.images, held.bytes) + reserved_in(locked)) + room
        )
        if (room.images and locked.quota_images is not None and total.images > locked.quota_images) or (
            room.bytes and locked.quota_bytes is not None and total.bytes > locked.quota_bytes
        ):
            raise ApplicationError(
                "quota_exceeded",
                gettext_noop("The project is full. Delete images first, then restore this tag."),
            )
        return Reservation.objects.create(
            project=project, images=room.images, bytes=room.bytes, until=RESERVED.until(now)
        )


def _is_unlimited(project: Project) -> bool:
    return project.quota_images is None and project.quota_bytes is None
