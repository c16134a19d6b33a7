"""What a container sees: the files of all layers, one over the other, as an overlay of directories shows them."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Protocol

from oci.contents.file_index import ABOVE, Record, join, split

#: A directory that no layer describes.
_MODE = 0o755


class LayerFiles(Protocol):
    """The records of one layer."""

    def find(self, parent: str, name: str) -> Record | None:
        """The record of one name in a directory; None: the layer says nothing about it."""

    def children(self, parent: str) -> Iterator[Record]:
        """Those of one directory, by name."""

    def everything(self) -> Iterator[Record]:
        """All of them, by directory and name."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One visible file, and which layer it is of: its place in the list of layers."""

    record: Record
    layer: int


class FileView:
    """The files of an image, seen through its layers.

    :param layers: the lowest first.
    """

    def __init__(self, layers: Sequence[LayerFiles]) -> None:
        self._layers = layers
        self._last: tuple[str, int | None] = ("", None)

    def find(self, path: str) -> Seen | None:
        """What is at an absolute path; links are not followed."""
        if path == "/":
            return Seen(Record(ABOVE, "", type="dir", mode=_MODE), 0)
        parent, name = split(path)
        floor = self._floor(parent)
        if floor is None:
            return None
        tops = range(len(self._layers) - 1, floor - 1, -1)
        found = ((number, self._layers[number].find(parent, name)) for number in tops)
        return _resolve((number, record) for number, record in found if record is not None)

    def list(self, path: str) -> Iterator[Seen]:
        """What is in a directory, by name; nothing where it is none."""
        floor = self._floor(path)
        if floor is None:
            return
        layers = [self._numbered(number, path) for number in range(floor, len(self._layers))]
        merged = heapq.merge(*layers, key=lambda each: (each[1].name, -each[0]))
        for _, group in groupby(merged, key=lambda each: each[1].name):
            seen = _resolve(group)
            if seen is not None:
                yield seen

    def search(self, text: str, path: str = "/") -> Iterator[Seen]:
        """Files below ``path`` with ``text`` in their path, in any case."""
        wanted, below = text.casefold(), path.rstrip("/") + "/"
        layers = [self._all(number) for number in range(len(self._layers))]
        merged = heapq.merge(*layers, key=lambda each: (*each[1].key, -each[0]))
        for (parent, name), group in groupby(merged, key=lambda each: each[1].key):
            full = join(parent, name)
            if parent == ABOVE or wanted not in full.casefold() or not full.startswith(below):
                continue
            floor = self._floor(parent)
            if floor is None:
                continue
            seen = _resolve((number, record) for number, record in group if number >= floor)
            if seen is not None:
                yield seen

    def _numbered(self, number: int, path: str) -> Iterator[tuple[int, Record]]:
        return ((number, record) for record in self._layers[number].children(path))

    def _all(self, number: int) -> Iterator[tuple[int, Record]]:
        return ((number, record) for record in self._layers[number].everything())

    def _floor(self, path: str) -> int | None:
        """The lowest layer whose entries in a directory are seen; None where no directory is there."""
        if self._last[0] != path:
            self._last = (path, self._find_floor(path))
        return self._last[1]

    def _find_floor(self, path: str) -> int | None:
        """From the root down: each directory of the way ends what is seen of the layers below it."""
        floor, here = 0, ABOVE
        for part in _way(path):
            parent, here = here, join(here, part) if part else "/"
            is_there = here == "/"
            for number in range(len(self._layers) - 1, floor - 1, -1):
                record = self._layers[number].find(parent, part)
                if record is None:
                    continue
                is_dir = record.type == "dir" or record.implied
                if record.type and not is_dir:
                    # A file hides what is below; where nothing above made it a directory, it is the end of the way.
                    if not is_there:
                        return None
                    floor = number + 1
                    break
                is_there = is_there or is_dir
                if record.hides or record.opaque:
                    floor = number
                    break
            if not is_there:
                return None
        return floor


def _way(path: str) -> list[str]:
    """The root, which has no name, and each part of the path."""
    return ["", *(part for part in path.split("/") if part)]


def _resolve(records: Iterator[tuple[int, Record]]) -> Seen | None:
    """What is seen of one path, by its records from the highest layer on."""
    implied: int | None = None
    for number, record in records:
        is_dir = record.type == "dir"
        if record.type:
            if implied is not None and not is_dir and not record.implied:
                break
            return Seen(record if is_dir or not record.implied else _as_directory(record), number)
        if record.implied and implied is None:
            implied = number
            name = record
        if record.hides:
            break
    return Seen(_as_directory(name), implied) if implied is not None else None


def _as_directory(record: Record) -> Record:
    return replace(record, type="dir", size=0, mode=_MODE, target="")
