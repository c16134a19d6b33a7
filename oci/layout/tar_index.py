"""Where the members of a tar file are, by headers that can be read in one way only.

Programs disagree about a tar file in many corners: sizes told twice, names in two cases or twice, links, bytes between
members. Whatever two of them could read differently is refused, not guessed. POSIX.1-2017 (pax, ustar) and the GNU
manual's "Basic Tar Format" are what is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from oci.errors import OciError, gettext_noop
from oci.layout.faults import invalid
from oci.layout.files import ArchiveFile, Reader
from oci.limits import ARCHIVE_MEMBERS, ARCHIVE_NAME_CHARS, ARCHIVE_NAMES_CHARS, ARCHIVE_RECORD_BYTES

_BLOCK: Final = 512
_ZEROS: Final = bytes(_BLOCK)
_POSIX: Final = b"ustar\x0000"
_GNU: Final = b"ustar  \x00"
_OCTAL: Final = re.compile(rb" *([0-7]+)[ \x00]*")
#: The three ways in which a header's sum is written.
_SUM: Final = re.compile(rb"([0-7]{6})\x00 |([0-7]{7})\x00|([0-7]{6}) \x00| ?([0-7]{6}) ")
#: The largest size that a ustar header holds; beyond it pax records tell it.
_USTAR_SIZE: Final = 8**11 - 1
_PAX_RECORD: Final = re.compile(rb"([1-9][0-9]{0,5}) ([^=\n]+)=")
_ZERO_READ: Final = 64 * 1024

_NO_TAR: Final = gettext_noop("%(file)s is not an archive of images: it isn't a tar file.")
_DAMAGED: Final = gettext_noop("%(file)s is damaged or was changed: the header of %(member)s is not valid.")
_SHORT: Final = gettext_noop("%(file)s is not complete: it ends within %(member)s.")
_NO_END: Final = gettext_noop("%(file)s is not complete: its end is missing.")
_BETWEEN: Final = gettext_noop(
    "%(file)s is damaged or was changed: there is data after the end of %(member)s."
)
_AFTER: Final = gettext_noop("%(file)s is damaged or was changed: there is data after its end.")
_KIND: Final = gettext_noop("%(file)s was refused: %(member)s is neither a file nor a directory.")
_NAME: Final = gettext_noop("%(file)s was refused: it has a member whose name is not valid: %(member)s")
_TWICE: Final = gettext_noop("%(file)s was refused: it has %(member)s twice.")
_SIZES: Final = gettext_noop("%(file)s was refused: it gives two sizes for %(member)s.")
_MANY: Final = gettext_noop("%(file)s was refused: it has more than %(limit)d members.")
_LONG: Final = gettext_noop(
    "%(file)s was refused: the names in it have more than %(limit)d characters together."
)
_RECORD: Final = gettext_noop(
    "%(file)s was refused: it uses a tar feature that archives of images don't need."
)


@dataclass(frozen=True, slots=True)
class Member:
    """A file, or a link to one (``link`` is its target as written, ``is_hard`` where it counts from the top)."""

    offset: int
    size: int
    link: str = ""
    is_hard: bool = False


@dataclass(slots=True)
class _Extra:
    """What extended headers say of the next member."""

    path: str | None = None
    link: str | None = None
    size: int | None = None
    #: Kinds of extended headers that came: each may come once, and not both families.
    kinds: str = ""


def read_index(file: ArchiveFile) -> dict[str, Member]:
    """All files of a tar file by their names; directories are left out. They count as :func:`count` says.

    :raises OciError: ``bundle_invalid``: with what is wrong.
    """
    found: dict[str, Member] = {}
    folded: set[str] = set()
    walk = _Walk(file)
    try:
        for name, member in walk.members():
            count(file, name, member)
            key = name.casefold()
            if key in folded and not (member is None and name not in found):
                raise invalid(file.name, _TWICE, member=_shown(name))
            folded.add(key)
            if member is not None:
                found[name] = member
    finally:
        walk.close()
    return found


def count(file: ArchiveFile, name: str, member: Member | None) -> None:
    """Count a member of a file against what all files of its archive may have together.

    :param member: None for a directory.
    :raises OciError: ``bundle_invalid``: it is one too many, or all names and link targets are too long to be kept.
    """
    budget = file.budget
    budget.members += 1
    if budget.members > ARCHIVE_MEMBERS:
        raise invalid(file.name, _MANY, limit=ARCHIVE_MEMBERS)
    budget.chars += len(name) + (len(member.link) if member is not None else 0)
    if budget.chars > ARCHIVE_NAMES_CHARS:
        raise invalid(file.name, _LONG, limit=ARCHIVE_NAMES_CHARS)


class _Walk:
    """Goes through one tar file, header by header."""

    def __init__(self, file: ArchiveFile) -> None:
        self._file = file
        self._reader: Reader = file.open()
        self._at = 0
        #: Headers.
        self._count = 0

    def close(self) -> None:
        self._reader.close()

    def members(self) -> Iterator[tuple[str, Member | None]]:
        """Each member with its name; None for a directory."""
        last = ""
        extra = _Extra()
        while True:
            self._file.tick()  # Members may be empty, and many.
            header = self._exactly(_BLOCK, last)
            if header == _ZEROS:
                break
            self._count += 1
            self._check_header(header, last)
            kind = header[156:157]
            if kind in b"xLK" and kind:  # At most two before a member, which is counted.
                self._read_extra(kind.decode(), self._size(header, _Extra(), "?"), extra)
                continue
            name = self._name(header, extra)
            last = _shown(name)
            yield name, self._member(header, kind, extra, name)
            extra = _Extra()
        if extra.kinds or self._exactly(_BLOCK, last) != _ZEROS:
            raise invalid(self._file.name, _NO_END)
        self._check_rest()

    def _member(self, header: bytes, kind: bytes, extra: _Extra, name: str) -> Member | None:
        size = self._size(header, extra, name)
        if kind in (b"0", b"\0"):
            member = Member(self._at, size)
            self._pass_over(size, name)
            return member
        if kind not in (b"1", b"2", b"5") or size:
            raise invalid(self._file.name, _KIND, member=_shown(name))
        if kind == b"5":
            return None
        link = extra.link if extra.link is not None else self._text(header[157:257])
        return Member(self._at, 0, link, kind == b"1")

    # --- headers ------------------------------------------------------------------------------------------------

    def _check_header(self, header: bytes, last: str) -> None:
        if header[257:265] not in (_POSIX, _GNU):
            template = _DAMAGED if self._count > 1 else _NO_TAR
            raise invalid(self._file.name, template, member=_after(last))
        match = _SUM.fullmatch(header[148:156])
        checksum = int(next(filter(None, match.groups())), 8) if match else -1
        if checksum != sum(header[:148]) + 8 * 0x20 + sum(header[156:]):
            template = _DAMAGED if self._count > 1 else _NO_TAR
            raise invalid(self._file.name, template, member=_shown_bytes(header[:100]) or _after(last))

    def _size(self, header: bytes, extra: _Extra, name: str) -> int:
        field = header[124:136]
        if field[0] & 0x80:  # GNU: a number too large for octal digits.
            size = int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
        elif match := _OCTAL.fullmatch(field):
            size = int(match[1], 8)
        else:
            raise invalid(self._file.name, _DAMAGED, member=_shown(name))
        if extra.size is not None and extra.size != size:
            # Writers of pax records leave the field empty where it is too small, and nowhere else.
            if size or extra.size <= _USTAR_SIZE:
                raise invalid(self._file.name, _SIZES, member=_shown(name))
            size = extra.size
        if self._at + size > self._file.most:
            raise invalid(self._file.name, _SHORT, member=_shown(name))
        return size

    def _name(self, header: bytes, extra: _Extra) -> str:
        if extra.path is not None:
            text = extra.path
        else:
            text = self._text(header[:100])
            prefix = self._text(header[345:500]) if header[257:265] == _POSIX else ""
            text = f"{prefix}/{text}" if prefix else text
        name = text.removeprefix("./").rstrip("/") or "."
        parts = name.split("/")
        wrong = name != "." and any(part in ("", ".", "..") for part in parts)
        if wrong or "\\" in name or len(name) > ARCHIVE_NAME_CHARS or not name.isprintable():
            raise invalid(self._file.name, _NAME, member=_shown(text))
        return name

    def _text(self, field: bytes) -> str:
        """A field up to its first NUL."""
        try:
            return field.partition(b"\0")[0].decode("utf-8")
        except UnicodeDecodeError:
            raise invalid(self._file.name, _NAME, member=_shown_bytes(field)) from None

    # --- extended headers ---------------------------------------------------------------------------------------

    def _read_extra(self, kind: str, size: int, extra: _Extra) -> None:
        """A pax header, or a long name of GNU; both, or one twice, are read in several ways."""
        if (
            kind in extra.kinds
            or (extra.kinds and "x" in (*extra.kinds, kind))
            or size > ARCHIVE_RECORD_BYTES
        ):
            raise invalid(self._file.name, _RECORD)
        extra.kinds += kind
        body = self._exactly(size, "?")
        self._check_padding(size, "?")
        if kind == "L":
            extra.path = self._text(body)
        elif kind == "K":
            extra.link = self._text(body)
        else:
            self._read_pax(body, extra)

    def _read_pax(self, body: bytes, extra: _Extra) -> None:
        seen: set[bytes] = set()
        while body:
            match = _PAX_RECORD.match(body)
            length = int(match[1]) if match else 0
            if match is None or not match.end() < length <= len(body) or body[length - 1 : length] != b"\n":
                raise invalid(self._file.name, _RECORD)
            key, value = match[2], body[match.end() : length - 1]
            body = body[length:]
            if key in seen or key.startswith(b"GNU.sparse.") or key == b"hdrcharset" or b"\0" in value:
                raise invalid(self._file.name, _RECORD)
            seen.add(key)
            if key == b"path":
                extra.path = self._text(value)
            elif key == b"linkpath":
                extra.link = self._text(value)
            elif key == b"size":
                if not value.isdigit() or len(value) > 19:
                    raise invalid(self._file.name, _RECORD)
                extra.size = int(value)

    # --- bytes --------------------------------------------------------------------------------------------------

    def _exactly(self, count: int, member: str) -> bytes:
        buffer = bytearray(count)
        view, done = memoryview(buffer), 0
        while done < count:
            came = self._reader.readinto(view[done:])
            if not came:
                raise self._cut(member)
            done += came
        self._at += count
        return bytes(buffer)

    def _cut(self, member: str) -> OciError:
        if not self._count:
            return invalid(self._file.name, _NO_TAR)
        return invalid(self._file.name, _NO_END if not member else _SHORT, member=member)

    def _pass_over(self, size: int, name: str) -> None:
        """Over a member's bytes, and what fills its last block."""
        member = _shown(name)
        if self._file.seeks:
            self._at += size
            self._reader = self._file.open(self._at)
        elif self._file.wants(size):
            start = self._at
            self._file.keep_small(start, self._exactly(size, member))
        else:
            left, view = size, memoryview(bytearray(min(size, _ZERO_READ)))
            while left:
                self._file.tick()
                came = self._reader.readinto(view[: min(left, _ZERO_READ)])
                if not came:
                    raise self._cut(member)
                left -= came
            self._at += size
        self._check_padding(size, member)

    def _check_padding(self, size: int, member: str) -> None:
        if size % _BLOCK and any(self._exactly(_BLOCK - size % _BLOCK, member)):
            raise invalid(self._file.name, _BETWEEN, member=member)

    def _check_rest(self) -> None:
        """Zeros follow the end, up to a round number of blocks."""
        view = memoryview(bytearray(_ZERO_READ))
        while came := self._reader.readinto(view):
            self._file.tick()
            if any(view[:came]):
                raise invalid(self._file.name, _AFTER)


def _shown(name: str) -> str:
    """A name for messages."""
    return "".join(each if each.isprintable() else "?" for each in name[:200])


def _shown_bytes(field: bytes) -> str:
    return _shown(field.partition(b"\0")[0].decode("utf-8", "replace"))


def _after(last: str) -> str:
    return f"({last})" if last else "?"
