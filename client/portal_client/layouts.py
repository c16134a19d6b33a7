"""Files of bundles on this machine: tars of an OCI image layout, in which every blob is named after its digest."""

from __future__ import annotations

import hashlib
import os
import re
import tarfile
from typing import BinaryIO, Final

_BLOCK: Final = 512
#: A tar ends with two empty blocks, or more of them up to a round number (POSIX.1-2017, "ustar Interchange Format").
_END: Final = 2 * _BLOCK
_MAX_END: Final = 22 * _BLOCK
_BLOB: Final = re.compile(r"blobs/(sha256|sha512)/([0-9a-f]+)")
_READ: Final = 1024 * 1024


def right_until(file: BinaryIO) -> int:
    """Up to where a file is right, in bytes: whole members, each blob compared with its name; its size where all of it
    is right, the end as well.

    :param file: open for reading; where it stands afterwards is not said.
    :raises OSError: it can't be read.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    at = 0
    try:
        # Not closed: it would end with its headers in memory, and the file is the caller's.
        tar = tarfile.open(fileobj=file, mode="r:")  # noqa: SIM115
        while (member := tar.next()) is not None:
            if not _is_right(file, member):
                return at
            at = member.offset_data + member.size + -member.size % _BLOCK
    except tarfile.TarError:
        return at
    file.seek(at)
    end = file.read(_MAX_END + 1)
    return size if _END <= len(end) <= _MAX_END and not any(end) else at


def _is_right(file: BinaryIO, member: tarfile.TarInfo) -> bool:
    """Whether a member's content is there, is what its name says, and only zeros fill its last block."""
    found = _BLOB.fullmatch(member.name)
    hashed, left = hashlib.new(found[1] if found else "sha256"), member.size
    file.seek(member.offset_data)
    while left:
        data = file.read(min(left, _READ))
        if not data:
            return False
        hashed.update(data)
        left -= len(data)
    filling = -member.size % _BLOCK
    if file.read(filling) != bytes(filling) or not member.isreg():
        return False
    return found is None or hashed.hexdigest() == found[2]
