"""Bringing one row of the image index up to what the registry says."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from oci.copy.referrers import is_attachment_tag
from oci.errors import OciError
from oci.registry.client import RegistryClient
from oci.spec.media_types import INDEX_TYPES
from projects.models import Image, Project
from projects.registry.delete import TOMBSTONE
from projects.registry.inspect import Inspected, inspect
from projects.services import record_image


def bring_up_to_date(client: RegistryClient, project: Project, repository: str, tag: str) -> Image | None:
    """Make, correct or remove the row of one tag; the row, if there is one then.

    Tags that only hold signatures and the like have none: they are part of the image that they are attached to.

    :param repository: inside the project.
    :raises OciError: the registry is away; the row stays as it is.
    """
    if is_attachment_tag(tag):
        return None
    row = Image.objects.filter(project=project, repository=repository, tag=tag).first()
    name = f"{project.name}/{repository}"
    head = client.head_manifest(name, tag)
    if head is None:
        _remove(row)
        return None
    if row is not None and row.digest == head.digest and _is_complete(row):
        Image.objects.filter(pk=row.pk).update(checked_at=timezone.now())
        return row
    found = _inspect(client, name, tag)
    if found is None or TOMBSTONE in found.annotations:
        return row
    return _write(project, repository, tag, seen=row, found=found)


def _is_complete(row: Image) -> bool:
    """A row written by hand may know nothing; one of an earlier release says of no chart that it is one."""
    if row.media_type in INDEX_TYPES:
        return bool(row.size and row.children)
    return bool(row.size and (row.platforms or row.artifact_type))


def _inspect(client: RegistryClient, name: str, tag: str) -> Inspected | None:
    """What the tag names. What can't be understood is listed with its digest alone: it is there, and can be deleted."""
    try:
        return inspect(client, name, tag)
    except OciError as exc:
        if exc.retryable:
            raise
        head = client.head_manifest(name, tag)
        if head is None or head.digest is None:
            return None
        return Inspected(
            digest=head.digest, media_type=head.media_type, artifact_type="", size=max(head.size, 1)
        )


@transaction.atomic
def _write(
    project: Project, repository: str, tag: str, *, seen: Image | None, found: Inspected
) -> Image | None:
    """Write what was found, unless an import or another notice wrote the row since it was looked at."""
    now = Image.objects.select_for_update().filter(project=project, repository=repository, tag=tag).first()
    if _state(now) != _state(seen):
        return now
    if now is not None and now.digest == found.digest:
        return _complete(now, found)
    row = record_image(
        project=project,
        repository=repository,
        tag=tag,
        digest=found.digest,
        media_type=found.media_type,
        artifact_type=found.artifact_type,
        size=found.size,
        platforms=found.platforms,
        children=found.children,
    )
    Image.objects.filter(pk=row.pk).update(checked_at=timezone.now())
    return row


def _complete(row: Image, found: Inspected) -> Image:
    """What was not known of the digest that the tag has all along; when it was set stays."""
    row.media_type, row.artifact_type = found.media_type, found.artifact_type or row.artifact_type
    row.size, row.platforms = found.size, list(found.platforms) or row.platforms
    row.children = list(found.children) or row.children
    row.checked_at = timezone.now()
    row.save(update_fields=["media_type", "artifact_type", "size", "platforms", "children", "checked_at"])
    return row


def _state(row: Image | None) -> tuple[object, ...] | None:
    return None if row is None else (row.pk, row.digest, row.updated_at)


def _remove(seen: Image | None) -> None:
    """The registry has no such tag; the row goes unless it was written since it was looked at."""
    if seen is not None:
        Image.objects.filter(pk=seen.pk, digest=seen.digest, updated_at=seen.updated_at).delete()
