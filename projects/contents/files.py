"""The files that a container of an image sees, and what is in the small ones."""

from __future__ import annotations

import bisect
import json
import zlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, cast

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.exceptions import ApplicationError, FieldErrors
from oci.contents.file_index import Record, join
from oci.contents.file_view import FileView, Seen
from oci.contents.layer_stream import expand
from oci.limits import SHOWN_FILE_BYTES, SHOWN_OFFSET_BYTES
from oci.spec.manifest import Descriptor
from oci.spec.media_types import CONFIG_TYPES
from projects.contents import indexing
from projects.contents.reading import Place, Read, read_image
from projects.models import Image, LayerIndex

#: Parts of all layers together that are held while a request is answered.
_HELD: Final = 32
#: Links of one path that are followed, and the parts of it and of them together.
_LINKS: Final = 40
_STEPS: Final = 1000

_NO_FILES: Final = gettext_noop("This is not a container image, so it has no files to show.")
_MISSING: Final = gettext_noop("The registry doesn't have the layer %(digest)s.")
_LARGE: Final = gettext_noop("Only files of at most %(limit)d bytes are shown.")
_DEEP: Final = gettext_noop("The file is too deep inside its layer to be shown. Pull the image to read it.")
_HOLES: Final = gettext_noop("Sparse files aren't shown.")


@dataclass(frozen=True, slots=True)
class Indexing:
    """A worker still reads the layers. ``progress``: percent of their bytes."""

    progress: int


#: By layer and number, what was used last at the end.
HeldParts = dict[tuple[str, int], list[list[Any]]]


class StoredLayer:
    """The records of one layer, from the database, part by part."""

    def __init__(self, row: LayerIndex, held: HeldParts) -> None:
        self._row = row
        self._firsts = [tuple(first) for first in json.loads(zlib.decompress(bytes(row.firsts)))]
        self._held = held

    def find(self, parent: str, name: str) -> Record | None:
        """The record of one name in a directory; None: the layer says nothing about it."""
        key = (parent, name)
        number = bisect.bisect_right(self._firsts, key) - 1
        if number < 0:
            return None
        part = self._part(number)
        place = bisect.bisect_left(part, key, key=_key)
        return Record.load(part[place]) if place < len(part) and _key(part[place]) == key else None

    def children(self, parent: str) -> Iterator[Record]:
        """Those of one directory, by name."""
        key = (parent, "")
        for number in range(max(0, bisect.bisect_right(self._firsts, key) - 1), len(self._firsts)):
            part = self._part(number)
            for row in part[bisect.bisect_left(part, key, key=_key) :]:
                if row[0] != parent:
                    return
                yield Record.load(row)

    def everything(self) -> Iterator[Record]:
        """All of them, by directory and name."""
        for number in range(len(self._firsts)):
            yield from map(Record.load, self._part(number))

    def _part(self, number: int) -> list[list[Any]]:
        key = (self._row.digest, number)
        part = self._held.pop(key, None)
        if part is None:
            content = self._row.parts.values_list("content", flat=True).get(number=number)
            part = json.loads(zlib.decompress(bytes(content)))
            if len(self._held) >= _HELD:
                del self._held[next(iter(self._held))]
        # At the end: what was used last goes last.
        self._held[key] = part
        return part


def _key(row: list[Any]) -> tuple[str, str]:
    return row[0], row[1]


@dataclass(slots=True)
class Files:
    """The files of one platform of an image; inside :func:`opened_files`."""

    place: Place
    read: Read
    layers: list[Descriptor]
    stored: list[StoredLayer] = field(init=False)
    view: FileView = field(init=False)

    def __post_init__(self) -> None:
        rows = {row.digest: row for row in LayerIndex.objects.filter(digest__in=self.digests)}
        held: HeldParts = {}
        stored = {digest: StoredLayer(rows[digest], held) for digest in self.digests}
        self.stored = [stored[layer.digest] for layer in self.layers]
        self.view = FileView(self.stored)

    @property
    def digests(self) -> set[str]:
        """The digests of the layers, each once."""
        return {layer.digest for layer in self.layers}

    def layer_of(self, seen: Seen) -> str:
        """The digest of the layer that a file comes from; empty where the image has no layer."""
        return self.layers[seen.layer].digest if self.layers else ""

    def directory(self, path: str) -> str:
        """Where a directory is once links are followed.

        :raises FieldErrors: there is none.
        """
        found = follow(self.view, path)
        seen = self.view.find(found) if found is not None else None
        if found is None or seen is None:
            raise FieldErrors({"path": [_("The image has no such path.")]})
        if seen.record.type != "dir":
            raise FieldErrors({"path": [_("This is not a directory.")]})
        return found

    def content(self, path: str) -> bytes:
        """What is in a regular file.

        :raises FieldErrors: there is no such file.
        :raises ApplicationError: ``too_large``, or ``no_content``.
        :raises OciError: the layer can't be read.
        """
        seen = self._file(path)
        record = seen.record if seen is not None else None
        if seen is None or record is None or record.type != "file":
            raise FieldErrors({"path": [_("The image has no such file.")]})
        if record.size > SHOWN_FILE_BYTES:
            raise ApplicationError("too_large", _LARGE, limit=SHOWN_FILE_BYTES)
        if record.offset < 0:
            raise ApplicationError("no_content", _HOLES)
        if record.offset > SHOWN_OFFSET_BYTES:
            raise ApplicationError("no_content", _DEEP)
        start, size = record.offset, record.size
        return self.place.stream(self.layers[seen.layer], lambda chunks: _cut(chunks, start, size))

    def _file(self, path: str) -> Seen | None:
        view = self.view
        for _step in range(_LINKS):
            found = follow(view, path)
            seen = view.find(found) if found is not None else None
            if seen is None or seen.record.type != "hardlink":
                return seen
            # Another name of what its layer saw there, whatever layers above make of that path.
            view = FileView(self.stored[: seen.layer + 1])
            path = "/" + seen.record.target.strip("/")
        return None


def _cut(chunks: Iterator[bytes], start: int, size: int) -> bytes:
    """``size`` bytes of a layer's tar; what comes after them is not read."""
    found, at = bytearray(), 0
    for piece in expand(chunks):
        found += piece[max(0, start - at) : max(0, start + size - at)]
        at += len(piece)
        if at >= start + size:
            break
    cast("Generator[bytes]", chunks).close()
    return bytes(found)


def follow(view: FileView, path: str) -> str | None:
    """Where a path leads once its symbolic links are followed, as in a container; None: nowhere."""
    here, left, links = "/", [part for part in reversed(path.split("/")) if part not in ("", ".")], 0
    steps = 0
    while left:
        part, steps = left.pop(), steps + 1
        if steps > _STEPS:
            return None
        if part == "..":
            here = here.rpartition("/")[0] or "/"
            continue
        full = join(here, part)
        seen = view.find(full)
        if seen is None:
            return None
        if seen.record.type != "symlink":
            here = full
            continue
        links += 1
        if links > _LINKS:
            return None
        target = seen.record.target
        here = "/" if target.startswith("/") else here
        left += [each for each in reversed(target.split("/")) if each not in ("", ".")]
    return here


def files_of(place: Place, image: Image, platform: str) -> Files | Indexing:
    """The files of an image, if they are known; else a worker is asked to read them.

    :raises ApplicationError: ``no_platform``, ``no_files``, ``layer_missing``, or ``files_unreadable``: why not.
    :raises OciError: also what kept a worker from getting a layer.
    """
    read = read_image(place, image.digest, platform)
    config = read.manifest.config
    if config is None or config.media_type not in CONFIG_TYPES:
        raise ApplicationError("no_files", _NO_FILES)
    layers = [layer for layer in read.manifest.layers if not layer.is_foreign]
    digests = {layer.digest: layer.size for layer in layers}
    for digest in digests:
        # A manifest may name a layer that the repository does not have, and that another project's index is of.
        if not place.has_blob(digest):
            raise ApplicationError("layer_missing", _MISSING, digest=digest)
    rows = {row.digest: row for row in LayerIndex.objects.filter(digest__in=digests).defer("firsts")}
    for row in rows.values():
        if row.error is not None:
            raise ApplicationError("files_unreadable", row.error["template"], **row.error["params"])
    done = {digest for digest, row in rows.items() if row.state == LayerIndex.State.DONE}
    if len(done) < len(digests):
        for layer in layers:
            fault = indexing.fault_of(place, layer) if layer.digest not in done else None
            if fault is not None:
                raise fault
        indexing.ask(image, place.reader, platform)
        read_bytes = sum(
            size if digest in done else _read_of(rows.get(digest)) for digest, size in digests.items()
        )
        return Indexing(min(99, 100 * read_bytes // max(1, sum(digests.values()))))
    return Files(place, read, layers)


def _read_of(row: LayerIndex | None) -> int:
    return row.bytes_done if row is not None else 0


def clean_path(text: str) -> str:
    """An absolute path as it was asked for.

    :raises FieldErrors: it is none.
    """
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in text:
        raise FieldErrors({"path": [_("Enter a path from the root of the image.")]})
    return "/" + "/".join(parts)
