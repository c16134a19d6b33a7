"""A tar of members whose sizes are known beforehand: any part of it can be made without the parts before.

The same members give the same bytes: no times, no owners, no directories. Names beyond 100 characters (``sha512``) and
sizes beyond 8 GiB are written as GNU tar does, which everything reads.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

BLOCK: Final = 512
#: What ends a tar: two empty blocks (POSIX.1-2008, "ustar Interchange Format").
END: Final = bytes(2 * BLOCK)
_MODE: Final = 0o644

#: Gives the bytes of a member's content from one offset up to another.
Content = Callable[[int, int], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class Member:
    """A regular file of a tar. ``size``: of its content, in bytes."""

    name: str
    size: int

    @property
    def head(self) -> bytes:
        """The blocks before its content."""
        info = tarfile.TarInfo(self.name)
        info.size, info.mode = self.size, _MODE
        return info.tobuf(tarfile.GNU_FORMAT, "ascii", "strict")

    @property
    def room(self) -> int:
        """What it takes in the tar: head, content, and what fills the last block."""
        return len(self.head) + self.size + -self.size % BLOCK

    def part(self, content: Content, start: int, end: int) -> Iterator[bytes]:
        """Bytes ``start`` to ``end`` (which is not one of them) of :attr:`room`."""
        head = self.head
        if start < len(head):
            yield head[start:end]
        first, last = max(0, start - len(head)), min(self.size, end - len(head))
        if first < last:
            yield from content(first, last)
        filled = len(head) + self.size
        rest = min(end, filled + -self.size % BLOCK) - max(start, filled)
        if rest > 0:
            yield bytes(rest)


def blob_member(digest: str, size: int) -> Member:
    """Where a layout keeps content: ``blobs/sha256/<hex>``."""
    return Member("blobs/" + digest.replace(":", "/", 1), size)


def from_memory(body: bytes) -> Content:
    """Content that is in memory."""

    def part(start: int, end: int) -> Iterator[bytes]:
        yield body[start:end]

    return part
