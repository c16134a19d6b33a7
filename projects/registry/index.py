"""Bringing one row of the image index up to what the registry says."""

from __future__ import annotations

from dataclasses import asdict

from django.db import transaction
from django.utils import timezone

from oci.copy.image_info import ImageInfo
from oci.copy.referrers import is_attachment_tag
from oci.errors import OciError
from oci.registry.repository import Repository
from oci.spec.media_types import INDEX_TYPES
from projects.models import Image, Project
from projects.registry.delete import TOMBSTONE
from projects.registry.inspect import inspect
from projects.registry.putting_back import put_back
from projects.services import note_blobs, record_image


def bring_up_to_date(there: Repository, project: Project, repository: str, tag: str) -> Image | None:
    """Make, correct or remove the row of one tag; the row, if there is one then.

    A protected tag that someone changed is put back on what the row says. Tags that only hold signatures and the like
    get no row: they are part of the image that they are attached to. One that was imported by its tag has a row, which
    goes with the tag.

    :param there: the same repository at the registry.
    :param repository: inside the project.
    :raises OciError: the registry is away; the row stays as it is.
    """
    row = Image.objects.filter(project=project, repository=repository, tag=tag).first()
    if is_attachment_tag(tag):
        return _attached(there, row)
    head = there.head_manifest(tag)
    if row is not None and (head is None or head.digest != row.digest) and put_back(there, row):
        return row
    if head is None:
        _remove(row)
        return None
    if row is not None and row.digest == head.digest and _is_complete(row):
        Image.objects.filter(pk=row.pk).update(checked_at=timezone.now())
        return row
    found = _inspect(there, tag)
    if found is None or TOMBSTONE in found.annotations:
        return row
    return _write(project, repository, tag, seen=row, found=found)


def _attached(there: Repository, row: Image | None) -> Image | None:
    if row is None:
        return None
    if there.head_manifest(row.tag) is None:
        _remove(row)
        return None
    Image.objects.filter(pk=row.pk).update(checked_at=timezone.now())
    return row


def _is_complete(row: Image) -> bool:
    """A row written by hand may know nothing; one of an earlier release says of no chart that it is one."""
    if row.media_type in INDEX_TYPES:
        return bool(row.size and row.children)
    return bool(row.size and (row.platforms or row.artifact_type))


def _inspect(there: Repository, tag: str) -> ImageInfo | None:
    """What the tag names. What can't be understood is listed with its digest alone: it is there, and can be deleted."""
    try:
        return inspect(there, tag)
    except OciError as exc:
        if exc.retryable:
            raise
        head = there.head_manifest(tag)
        if head is None or head.digest is None:
            return None
        return ImageInfo(head.digest, head.media_type, max(head.size, 1))


@transaction.atomic
def _write(
    project: Project, repository: str, tag: str, *, seen: Image | None, found: ImageInfo
) -> Image | None:
    """Write what was found, unless an import or another notice wrote the row since it was looked at."""
    now = Image.objects.select_for_update().filter(project=project, repository=repository, tag=tag).first()
    if _state(now) != _state(seen):
        return now
    if now is not None and now.digest == found.digest:
        return _complete(now, found)
    row = record_image(project=project, repository=repository, tag=tag, image=found)
    Image.objects.filter(pk=row.pk).update(checked_at=timezone.now())
    return row


def _complete(row: Image, found: ImageInfo) -> Image:
    """What was not known of the digest that the tag has all along; when it was set stays."""
    row.media_type, row.artifact_type = found.media_type, found.artifact_type or row.artifact_type
    row.size, row.platforms = found.size, list(found.platforms) or row.platforms
    row.children = [asdict(child) for child in found.children] or row.children
    row.checked_at = timezone.now()
    row.save(update_fields=["media_type", "artifact_type", "size", "platforms", "children", "checked_at"])
    note_blobs(row, found)
    return row


def _state(row: Image | None) -> tuple[object, ...] | None:
    return None if row is None else (row.pk, row.digest, row.updated_at)


def _remove(seen: Image | None) -> None:
    """The registry has no such tag; the row goes unless it was written since it was looked at."""
    if seen is not None:
        Image.objects.filter(pk=seen.pk, digest=seen.digest, updated_at=seen.updated_at).delete()
