"""The files of two images of a project side by side."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from accounts.exceptions import FieldErrors
from oci.contents.file_changes import Difference, compare_files
from oci.contents.file_view import Seen
from projects.contents.comparing import find_partner
from projects.contents.files import Files, Indexing, files_of
from projects.contents.listing import File, some, told
from projects.contents.reading import opened_places
from projects.models import Image


@dataclass(frozen=True, slots=True)
class FileChange:
    """One path as it is told; ``what`` is that of :class:`oci.contents.file_changes.Difference`."""

    path: str
    what: tuple[str, ...]
    before: File | None
    after: File | None


@dataclass(frozen=True, slots=True)
class FileChanges:
    """Some of them from a place in the list on; ``more``: others follow."""

    platform: str
    changes: list[FileChange]
    more: bool


def changed_files(
    image: Image, reader: User, other: str, *, platform: str, part: tuple[int, int]
) -> FileChanges | Indexing:
    """What changed in the files from ``other`` to ``image``, if the files of both are known.

    :param other: as for :func:`projects.contents.comparing.compare`, of an image that a tag names.
    :param part: from which change on, and how many.
    :raises FieldErrors: there is no such image, or no tag names it.
    :raises ApplicationError: as :func:`projects.contents.files.files_of`.
    :raises OciError:
    """
    partner, digest = find_partner(image, other)
    if partner.digest != digest:
        raise FieldErrors({"with": [_("Files can only be compared with images that have a tag.")]})
    start, size = part
    with opened_places(image, partner, reader=reader) as (here, there):
        # Both are asked for before either is waited for.
        after, before = files_of(here, image, platform), files_of(there, partner, platform)
        if isinstance(after, Indexing) or isinstance(before, Indexing):
            return Indexing(min(each.progress for each in (after, before) if isinstance(each, Indexing)))
        if [each.digest for each in before.layers] == [each.digest for each in after.layers]:
            return FileChanges(after.read.platform, [], False)
        rows = [
            _told(before, after, each)
            for each in some(compare_files(before.view, after.view), start, size + 1)
        ]
        return FileChanges(after.read.platform, rows[:size], len(rows) > size)


def _told(before: Files, after: Files, change: Difference) -> FileChange:
    def side(files: Files, seen: Seen | None) -> File | None:
        return told(files, seen, is_found=True) if seen is not None else None

    return FileChange(change.path, change.what, side(before, change.before), side(after, change.after))
