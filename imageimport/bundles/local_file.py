"""A bundle written into a local file: nothing has the file's name before it is whole, and a part goes on where it is
right."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from django.utils.translation import gettext as _

from imageimport.bundles.composing import Composition, Piece
from imageimport.bundles.files import composed_bytes
from oci.layout.index_writer import front
from oci.layout.tar_writer import Member, blob_member
from oci.spec.digest import parse_digest

PART: Final = ".part"
_READ: Final = 1024 * 1024


def write(found: Composition, target: Path, on_progress: Callable[[int], None] = lambda _done: None) -> int:
    """Write the only file of a bundle to ``target``. What an earlier run left in ``<target>.part`` is checked and used.

    :param on_progress: called with the number of bytes that are written, again and again.
    :return: bytes that an earlier run had written already.
    :raises OciError: the registry failed.
    :raises OSError: the file can't be written. The part stays for the next run.
    """
    part = target.with_name(target.name + PART)
    with _only_here(part) as file:
        start = done = right_until(file, found)
        file.truncate(start)
        file.seek(start)
        for piece in composed_bytes(found, start):
            file.write(piece)
            done += len(piece)
            on_progress(done)
        file.flush()
        os.fsync(file.fileno())
        part.replace(target)
    return start


@contextmanager
def _only_here(part: Path) -> Iterator[BinaryIO]:
    """The file, for one writer at a time: two runs with one target would mix their bytes.

    :raises OSError: another run writes it, or it can't be opened.
    """
    with part.open("ab+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Between the opening and the lock another run may have finished it: it is the target then.
            mine = os.path.samestat(os.fstat(file.fileno()), part.stat())
        except (BlockingIOError, FileNotFoundError):
            mine = False
        if not mine:
            raise OSError(errno.EBUSY, _("another run is writing it"))
        yield file


def right_until(file: BinaryIO, found: Composition) -> int:
    """Up to where a file has the bytes of this bundle: whole members, their content compared with its digest."""
    file.seek(0)
    at = 0
    for member, content in front(found.document, 1, 1):
        if file.read(member.room) != b"".join(member.part(content, 0, member.room)):
            return at
        at += member.room
    for piece in found.pieces:
        if piece.place is None:
            break
        member = blob_member(piece.digest, piece.size)
        if not _is_right(file, member, piece):
            return at
        at += member.room
    return at


def _is_right(file: BinaryIO, member: Member, piece: Piece) -> bool:
    head = member.head
    if file.read(len(head)) != head:
        return False
    algorithm, digits = parse_digest(piece.digest)
    hashed, left = hashlib.new(algorithm), piece.size
    while left:
        data = file.read(min(left, _READ))
        if not data:
            return False
        hashed.update(data)
        left -= len(data)
    filling = member.room - len(head) - piece.size
    return hashed.hexdigest() == digits and file.read(filling) == bytes(filling)
