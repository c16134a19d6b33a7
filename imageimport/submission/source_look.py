"""Whether an image is at its source, and what stands where it would go: looked at while a person types.

The source is asked by HEAD, which registries don't count as a pull; what is here the portal's own index says.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from django.contrib.auth.models import User
from django.core.cache import cache

from accounts.exceptions import ApplicationError
from imageimport.submission import source_tags
from imageimport.submission.planning import clashes
from imageimport.submission.requests import ImportRequest, ValidatedImport, prepare
from oci.errors import OciError
from projects.models import Image, Project

#: Tags that are named where the wanted one is not there.
MAX_NEAREST: Final = 5
#: What a source said is good for this long, seconds.
_HOLDS: Final = source_tags.HOLDS


@dataclass(frozen=True, slots=True)
class Look:
    """``is_there``: at the source; ``digest``: empty where the source doesn't tell it.

    :param nearest: tags that are most like the one that isn't there.
    :param notes: what stands where the image would go; sentences in the reader's language.
    """

    source_image: str
    is_there: bool
    digest: str = ""
    nearest: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def look_at_source(*, project: Project, user: User | None, request: ImportRequest) -> Look | None:
    """Ask for nothing but the digest; read and write nothing else.

    :return: None for a chart of a Helm repository, which has to be fetched to be looked at.
    :raises FieldErrors: as :func:`imageimport.submission.services.submit`.
    :raises ApplicationError: ``throttled``, too much is asked at once.
    :raises OciError: the source can't be asked.
    """
    prepared = prepare(project=project, user=user, request=request)
    if prepared.source.is_chart:
        return None
    digest = _digest(prepared, user)
    if digest is None:
        return Look(prepared.task.source_image, False, nearest=_nearest(prepared, user))
    task = prepared.task
    rows = Image.objects.filter(project=project, repository=task.target_name, tag=task.target_tag)
    held = rows.values_list("digest", flat=True).first() if digest else None
    return Look(task.source_image, True, digest, notes=tuple(clashes(prepared, digest, held)))


def _digest(prepared: ValidatedImport, user: User | None) -> str | None:
    """Empty: it is there; None: it is not. What was seen a moment ago is not asked for again."""
    wanted = prepared.source.identifier
    listed = source_tags.known_tags(prepared, user)
    if listed is not None and wanted in listed.facts and listed.facts[wanted].digest:
        return listed.facts[wanted].digest
    key = source_tags.key_of(prepared, user)
    key = key and f"{key}:{wanted}"
    known: tuple[str | None] | None = cache.get(key) if key else None
    if known is None:
        with source_tags.opened(prepared, user, source_tags.LOOK_SECONDS) as source:
            head = source.head_manifest(wanted)
        known = (None if head is None else head.digest or "",)
        if key:
            cache.set(key, known, _HOLDS)
    return known[0]


def _nearest(prepared: ValidatedImport, user: User | None) -> tuple[str, ...]:
    """None where no tag was typed, and where the list can't be read: it is only a help."""
    if not prepared.source.tag or prepared.source.digest:
        return ()
    with suppress(ApplicationError, OciError):
        return source_tags.nearest(prepared.source.tag, source_tags.listed_tags(prepared, user).tags)[
            :MAX_NEAREST
        ]
    return ()
