"""What differs between the files of two images."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from oci.contents.file_view import FileView, Seen

#: What is compared of a path that both have, and the fields that say it.
_PARTS: Final = {
    "type": ("type",),
    "target": ("target",),
    "size": ("size",),
    "mode": ("mode",),
    "owner": ("uid", "gid"),
    "time": ("mtime",),
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One path; None: an image does not have it. At least one of them does.

    :param what: ``added``, ``removed``, or which of ``type``, ``target``, ``size``, ``mode``, ``owner`` and ``time``
        differ.
    """

    path: str
    before: Seen | None
    after: Seen | None
    what: tuple[str, ...]


def compare_files(before: FileView, after: FileView) -> Iterator[Difference]:
    """Paths whose files differ, by directory and name; little of either image is held at once.

    What is in a file is not known here: a file of the same size and time counts as the same. The time of a directory
    says only that something in it changed, which is told by itself.
    """
    merged = heapq.merge(_of(before, 0), _of(after, 1), key=lambda each: each[:2])
    for _, group in groupby(merged, key=lambda each: each[0]):
        found = {side: seen for _, side, seen in group}
        one, other = found.get(0), found.get(1)
        what = _what(one, other)
        if what:
            yield Difference((one or found[1]).record.path, one, other, what)


def _of(view: FileView, side: int) -> Iterator[tuple[tuple[str, str], int, Seen]]:
    return ((seen.record.key, side, seen) for seen in view.search(""))


def _what(before: Seen | None, after: Seen | None) -> tuple[str, ...]:
    if before is None:
        return ("added",)
    if after is None:
        return ("removed",)
    one, other = before.record, after.record
    both_directories = one.type == other.type == "dir"
    return tuple(
        part
        for part, names in _PARTS.items()
        if any(getattr(one, name) != getattr(other, name) for name in names)
        and not (part == "time" and both_directories)
    )
