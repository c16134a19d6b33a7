"""The index of a compressed file, kept in a small file beside it: to make it, the whole has to be decompressed."""

from __future__ import annotations

import base64
import contextlib
import json
import os
from pathlib import Path
from typing import Final

from oci.layout.files import ArchiveFile
from oci.layout.tar_index import Member, count, read_index

#: Another one when what stands in the file changes.
_VERSION: Final = 1


def indexed(file: ArchiveFile, beside: Path) -> dict[str, Member]:
    """As :func:`oci.layout.tar_index.read_index`, which is asked once for each content of a compressed file.

    :param beside: the small file; only the portal can write there. What can't be written is made again next time.
    :raises OciError: as :func:`oci.layout.tar_index.read_index`.
    """
    if file.seeks:
        return read_index(file)
    found = _read(file, beside)
    if found is None:
        found = read_index(file)
        with contextlib.suppress(OSError):  # A full disk.
            _write(file, found, beside)
    return found


def _read(file: ArchiveFile, beside: Path) -> dict[str, Member] | None:
    try:
        kept = json.loads(beside.read_bytes())
    except (OSError, ValueError):  # There is none, or the power went before all of it was on the disk.
        return None
    if kept["of"] != _told(file):
        return None
    for offset, text in kept["small"]:
        small = base64.b64decode(text)
        if file.wants(len(small)):  # The file may have been alone when its index was made.
            file.keep_small(offset, small)
    found = {name: Member(*fields) for name, *fields in kept["members"]}
    for name, member in found.items():
        count(file, name, member)
    return found


def _write(file: ArchiveFile, members: dict[str, Member], beside: Path) -> None:
    kept = {
        "of": _told(file),
        "members": [
            [name, each.offset, each.size, each.link, each.is_hard] for name, each in members.items()
        ],
        "small": [[offset, base64.b64encode(each).decode()] for offset, each in file.kept.items()],
    }
    new = beside.with_name(f"{beside.name}.{os.getpid()}")
    try:
        new.write_text(json.dumps(kept), encoding="ascii")
        new.replace(beside)
    finally:
        new.unlink(missing_ok=True)


def _told(file: ArchiveFile) -> list[int]:
    """What changes with the file's content."""
    return [_VERSION, *file.identity]
