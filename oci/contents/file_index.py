"""The files of one layer as sorted records, made in bounded memory: by directory, then by name.

What a layer hides of those below it is a record as well (OCI image specification, ``layer.md``, "Whiteouts").
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

from oci.contents.layer_tar import Entry, too_many
from oci.limits import LAYER_ENTRIES

_WHITEOUT: Final = ".wh."
_OPAQUE: Final = ".wh..wh..opq"
#: What belongs to AUFS alone.
_META: Final = ".wh..wh."
#: Directory of the root's own record.
ABOVE: Final = ""


@dataclass(frozen=True, slots=True)
class Record:
    """What one layer says of one path. ``parent`` is absolute: ``/``, ``/usr/bin``; the root's own is empty.

    :param hides: what is at the path in layers below, and under it, is not seen.
    :param opaque: what is under the path in layers below is not seen.
    :param type: empty: the layer has no entry of it.
    :param implied: the layer has entries under it, so it is a directory.
    """

    parent: str
    name: str
    hides: bool = False
    opaque: bool = False
    implied: bool = False
    type: str = ""
    size: int = 0
    mode: int = 0
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    target: str = ""
    offset: int = 0

    @property
    def key(self) -> tuple[str, str]:
        """What records are sorted by: directory, then name."""
        return self.parent, self.name

    @property
    def path(self) -> str:
        """Absolute, inside the image."""
        return join(self.parent, self.name)

    def dump(self) -> list[Any]:
        """As JSON keeps it."""
        flags = self.hides | self.opaque << 1 | self.implied << 2
        return [
            *(self.parent, self.name, flags, self.type, self.size, self.mode, self.uid, self.gid, self.mtime),
            *(self.target, self.offset),
        ]

    @classmethod
    def load(cls, row: list[Any]) -> Record:
        """The record that :meth:`dump` gave."""
        parent, name, flags, *rest = row
        return cls(parent, name, bool(flags & 1), bool(flags & 2), bool(flags & 4), *rest)


def join(parent: str, name: str) -> str:
    """An absolute path."""
    return f"{parent.rstrip('/')}/{name}"


def split(path: str) -> tuple[str, str]:
    """Directory and name of an absolute path; those of the root are empty."""
    if path == "/":
        return ABOVE, ""
    parent, _, name = path.rpartition("/")
    return parent or "/", name


_TABLE: Final = """
CREATE TABLE records (
    parent TEXT, name TEXT, hides INT, opaque INT, implied INT,
    type TEXT, size INT, mode INT, uid INT, gid INT, mtime INT, target TEXT, offset INT,
    PRIMARY KEY (parent, name)
) WITHOUT ROWID
"""
#: The last entry of a path counts, whatever else is said of it stays.
_PUT: Final = """
INSERT INTO records VALUES (?, ?, 0, 0, 0, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET type = excluded.type, size = excluded.size, mode = excluded.mode, uid = excluded.uid,
    gid = excluded.gid, mtime = excluded.mtime, target = excluded.target, offset = excluded.offset
"""
_MARK: Final = """
INSERT INTO records VALUES (?, ?, ?, ?, ?, '', 0, 0, 0, 0, 0, '', 0)
ON CONFLICT DO UPDATE SET hides = max(hides, excluded.hides), opaque = max(opaque, excluded.opaque),
    implied = max(implied, excluded.implied)
    WHERE hides < excluded.hides OR opaque < excluded.opaque OR implied < excluded.implied
"""


def sorted_records(entries: Iterable[Entry]) -> Iterator[Record]:
    """The records of a layer, sorted. They are sorted in a file of SQLite's that is nowhere else and ends with it.

    :raises OciError: what ``entries`` raises.
    """
    with closing(sqlite3.connect("", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA cache_size = -8192")
        database.execute(_TABLE)
        database.execute("BEGIN")
        _fill(database, entries)
        for row in database.execute("SELECT * FROM records ORDER BY parent, name"):
            parent, name, hides, opaque, implied, *rest = row
            yield Record(parent, name, bool(hides), bool(opaque), bool(implied), *rest)


def _fill(database: sqlite3.Connection, entries: Iterable[Entry]) -> None:
    last, directories = "", 0
    for entry in entries:
        parent, name = split(f"/{entry.path}")
        if parent != last:
            directories += _imply(database, parent)
            if directories > LAYER_ENTRIES:
                raise too_many()
            last = parent
        if name == _OPAQUE:
            database.execute(_MARK, (*split(parent), 0, 1, 1))
        elif name.startswith(_META):
            continue
        elif name.startswith(_WHITEOUT):
            database.execute(_MARK, (parent, name.removeprefix(_WHITEOUT), 1, 0, 0))
        else:
            facts = (entry.type, entry.size, entry.mode, entry.uid, entry.gid, entry.mtime)
            database.execute(_PUT, (parent, name, *facts, entry.target, entry.offset))


def _imply(database: sqlite3.Connection, path: str) -> int:
    """All directories above an entry are there, whether the layer says so or not. How many were not implied before:
    above one that was, all were.
    """
    count = 0
    while path != ABOVE:
        parent, name = split(path)
        if not database.execute(_MARK, (parent, name, 0, 0, 1)).rowcount:
            break
        count += 1
        path = parent
    return count
