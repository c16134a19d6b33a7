"""The digests that a target tag has named, one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import QuerySet

from imageimport.models import ImportTask, TagDigest
from projects.models import Image, Project


def note(named: TagDigest) -> None:
    """Write down what a tag names now. The same again is written only where its source's digest is another.

    :param named: a row that is not saved yet.
    """
    rows = TagDigest.objects.filter(project=named.project_id, repository=named.repository, tag=named.tag)
    last = rows.first()
    if last is None or (last.digest, last.source_digest) != (named.digest, named.source_digest):
        named.save(force_insert=True)


def of_image(image: Image) -> QuerySet[TagDigest]:
    """The timeline of an image's tag, newest first."""
    return TagDigest.objects.filter(project_id=image.project_id, repository=image.repository, tag=image.tag)


def comes_from(
    *, project: Project, repository: str, tag: str, held: str, source_digest: str, platforms: Sequence[str]
) -> bool:
    """Whether ``held``, which the target tag names now, is what importing ``source_digest`` would give.

    The same digest is the same image, unless an earlier import took only some of its platforms and the target keeps
    the whole index. Another digest is the same image where an import of these very platforms made it.
    """
    rows = TagDigest.objects.filter(project=project, repository=repository, tag=tag, digest=held)
    last = rows.exclude(task=None).first()
    if last is None or last.task is None:
        return held == source_digest
    chosen = ImportTask.objects.filter(pk=last.task).values_list("platforms", flat=True).first() or []
    return source_digest in (last.source_digest, held) and set(chosen) == set(platforms)
