"""Pages of an image's files, and a file as a download."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.utils.http import content_disposition_header

from oci.contents.file_view import Seen
from oci.limits import SHOWN_FILE_BYTES
from projects.contents.downloads import harmless
from projects.contents.files import Files, Indexing, clean_path, files_of
from projects.contents.reading import opened_place
from projects.models import Image

T = TypeVar("T")

#: The last second that a date can have.
_LAST: Final = 253_402_300_799
#: What no header holds, and no file's name should on the disk of a person.
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class File:
    """One file as it is told. ``path`` is absolute, ``mode`` octal text, ``layer`` a digest."""

    name: str
    path: str
    type: str
    size: int
    mode: str
    uid: int
    gid: int
    mtime: dt.datetime
    target: str
    layer: str
    #: What a page calls it: a found one by its path.
    shown: str

    @property
    def is_readable(self) -> bool:
        """Its content can be asked for."""
        return self.type == "hardlink" or (self.type == "file" and self.size <= SHOWN_FILE_BYTES)


@dataclass(frozen=True, slots=True)
class Listing:
    """Some files from a place in the list on; ``more``: others follow."""

    path: str
    platform: str
    files: list[File]
    more: bool


def list_files(
    image: Image, reader: User, *, platform: str, path: str, search: str, part: tuple[int, int]
) -> Listing | Indexing:
    """What is in a directory, or found below it.

    :param part: from which file on, and how many.
    :raises FieldErrors: ``path``: there is no such directory.
    :raises ApplicationError: as :func:`projects.contents.files.files_of`.
    :raises OciError:
    """
    path, (start, size) = clean_path(path), part
    with opened_place(image, reader) as place:
        found = files_of(place, image, platform)
        if isinstance(found, Indexing):
            return found
        where = found.directory(path)
        seen = found.view.search(search, where) if search else found.view.list(where)
        rows = [told(found, each, is_found=bool(search)) for each in some(seen, start, size + 1)]
        return Listing(where, found.read.platform, rows[:size], len(rows) > size)


def some(seen: Iterator[T], start: int, count: int) -> Iterator[T]:
    """``count`` of them from ``start`` on; no more are read."""
    for number, each in enumerate(seen):
        if number >= start + count:
            return
        if number >= start:
            yield each


def told(files: Files, seen: Seen, *, is_found: bool) -> File:
    """A file as it is told; a found one is shown by its path."""
    record = seen.record
    target = record.target
    if record.type == "hardlink":
        target = "/" + target.strip("/")
    return File(
        record.name,
        record.path,
        record.type,
        record.size,
        f"{record.mode:04o}",
        record.uid,
        record.gid,
        dt.datetime.fromtimestamp(min(record.mtime, _LAST), tz=dt.UTC),
        target,
        files.layer_of(seen),
        record.path if is_found else record.name,
    )


def file_content(image: Image, reader: User, *, platform: str, path: str) -> HttpResponse | Indexing:
    """One file as a download, text where it is.

    :raises FieldErrors, ApplicationError, OciError: as :meth:`projects.contents.files.Files.content`.
    """
    path = clean_path(path)
    with opened_place(image, reader) as place:
        found = files_of(place, image, platform)
        if isinstance(found, Indexing):
            return found
        content = found.content(path)
    try:
        content.decode("utf-8")
        kind = "application/octet-stream" if b"\0" in content else "text/plain; charset=utf-8"
    except UnicodeDecodeError:
        kind = "application/octet-stream"
    answer = HttpResponse(content, content_type=kind)
    # The name goes through Django's own header, which quotes what a stranger called it.
    file_name = _CONTROL.sub("_", path.rpartition("/")[2])
    name = content_disposition_header(as_attachment=True, filename=file_name)
    answer.headers["Content-Disposition"] = name or "attachment"
    return harmless(answer)
