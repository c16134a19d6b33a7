"""Whether a project holds more than it may, or would."""

from __future__ import annotations

from django.utils.translation import gettext_noop

from accounts.exceptions import ApplicationError
from projects.models import Holding, Project


def excess(project: Project) -> str:
    """Why the project is over its quota, as registries say such things: one English sentence. Empty: it is not.

    A project that holds exactly what it may is not over it: its tags may be pushed again.
    """
    if project.quota_images is None and project.quota_bytes is None:
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


def refuse_excess(project: Project, *, images: int, size: int) -> None:
    """For a tag that is to name something again.

    :param images: how many tags more the project would have.
    :param size: how many bytes more; not positive: it holds no more than now.
    :raises ApplicationError: ``quota_exceeded``.
    """
    if project.quota_images is None and project.quota_bytes is None:
        return
    held = Holding.objects.filter(project=project).first() or Holding()
    over = images > 0 and project.quota_images is not None and held.images + images > project.quota_images
    if over or (size > 0 and project.quota_bytes is not None and held.bytes + size > project.quota_bytes):
        raise ApplicationError(
            "quota_exceeded", gettext_noop("The project is full. Delete images first, then restore this tag.")
        )
