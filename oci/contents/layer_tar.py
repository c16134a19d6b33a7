"""The entries of a layer's tar, read header by header in bounded memory (OCI image specification, ``layer.md``).

Layers hold what archives of images must not: links, devices, whiteouts, the same name twice. What programs that unpack
layers would refuse is refused: headers that are wrong, paths that lead out of the image.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from oci.contents.layer_stream import damaged
from oci.errors import OciError, gettext_noop
from oci.limits import LAYER_ENTRIES, LAYER_PATH_CHARS, LAYER_PATH_DEPTH, LAYER_RECORD_BYTES

_BLOCK: Final = 512
_ZEROS: Final = bytes(_BLOCK)
_POSIX: Final = b"ustar\x0000"
_PAX_RECORD: Final = re.compile(rb"([1-9][0-9]{0,6}) ([^=\n]+)=")
_NUMBER: Final = re.compile(rb"[ \x00]*([0-7]*)[ \x00]*")
_DECIMAL: Final = re.compile(rb"-?[0-9]{1,19}")
_TYPES: Final = {
    b"0": "file", b"\0": "file", b"7": "file", b"S": "file", b"1": "hardlink", b"2": "symlink", b"3": "char",
    b"4": "block", b"5": "dir", b"6": "fifo",
}  # fmt: skip
#: What counts of pax records; all else is let go.
_KEYS: Final = frozenset(
    {
        *(b"path", b"linkpath", b"size", b"uid", b"gid", b"mtime"),
        *(b"GNU.sparse.name", b"GNU.sparse.realsize", b"GNU.sparse.size"),
    }
)
#: Headers that only say more of the next entry: GNU's long names are two, and one more may be pax's.
_HEADERS: Final = 3 * LAYER_ENTRIES
#: No file is larger, and no time later.
_MAX_NUMBER: Final = 2**62

_NO_TAR: Final = gettext_noop("The layer is not a tar archive.")
_SHORT: Final = gettext_noop("The layer is not complete: it ends in the middle.")
_BAD: Final = gettext_noop("The layer is damaged: a header in it is not valid.")
_OUT: Final = gettext_noop("The layer was refused: a path in it leads out of the image.")
_LONG: Final = gettext_noop("The layer was refused: a path in it is too long.")
_MANY: Final = gettext_noop("The layer has more than %(limit)d files.")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. ``path`` is without a slash at either end, empty for the root.

    :param offset: of its bytes in the tar; -1 where they are not there as they are (a file with holes).
    """

    path: str
    type: str
    size: int
    mode: int
    uid: int
    gid: int
    mtime: int
    target: str
    offset: int


@dataclass(slots=True)
class _Extra:
    """What extended headers say of the next entry."""

    pax: dict[bytes, bytes] = field(default_factory=dict)


class _Tar:
    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._buffer = memoryview(b"")
        self.at = 0

    def exactly(self, count: int) -> bytes:
        """The next ``count`` bytes.

        :raises OciError: it ends before.
        """
        parts = []
        while count:
            part = self._some(count)
            parts.append(bytes(part))
            count -= len(part)
        return b"".join(parts)

    def skip(self, count: int) -> None:
        while count:
            count -= len(self._some(count))

    def header(self) -> bytes | None:
        """The next block; None at the end, which need not be marked."""
        if not self._buffer and not self._more():
            return None
        return self.exactly(_BLOCK)

    def _more(self) -> bool:
        self._buffer = memoryview(next(self._pieces, b""))
        return bool(self._buffer)

    def _some(self, most: int) -> memoryview:
        if not self._buffer and not self._more():
            raise damaged(_SHORT)
        part = self._buffer[:most]
        self._buffer = self._buffer[len(part) :]
        self.at += len(part)
        return part


def read_entries(pieces: Iterable[bytes]) -> Iterator[Entry]:
    """All entries in their order.

    :param pieces: of the tar.
    :raises OciError: ``unsupported_manifest`` or ``limit_exceeded``.
    """
    tar, extra, everywhere = _Tar(pieces), _Extra(), _Extra()
    entries = headers = 0
    while (header := tar.header()) is not None and header != _ZEROS:
        _check(header, first=not entries + headers)
        kind = header[156:157]
        is_extra = kind in (b"x", b"g", b"L", b"K")
        headers += is_extra
        entries += not is_extra
        if entries > LAYER_ENTRIES or headers > _HEADERS:
            raise too_many()
        if is_extra:
            _read_extra(tar, kind, header, everywhere if kind == b"g" else extra)
            continue
        pax = {**everywhere.pax, **extra.pax}
        extra = _Extra()
        size = _decimal(pax[b"size"]) if b"size" in pax else _number(header[124:136])
        sparse = _sparse_size(tar, header, pax)
        has_data = kind in (b"0", b"\0", b"7", b"S") or kind not in _TYPES
        path, start = _path(header, pax), tar.at
        if kind in _TYPES:
            shown = "dir" if kind == b"\0" and header[:100].rstrip(b"\0").endswith(b"/") else _TYPES[kind]
            where = start if sparse is None else -1
            yield _entry(header, pax, path, shown, sparse if sparse is not None else size, where)
        if has_data:
            tar.skip(size + -size % _BLOCK)


def too_many() -> OciError:
    """A layer with more files or directories than are listed."""
    return OciError("limit_exceeded", _MANY, limit=LAYER_ENTRIES)


def _entry(header: bytes, pax: dict[bytes, bytes], path: str, kind: str, size: int, start: int) -> Entry:
    target = pax.get(b"linkpath", header[157:257].partition(b"\0")[0]) if "link" in kind else b""
    return Entry(
        path,
        kind,
        size if kind == "file" else 0,
        _number(header[100:108]) & 0o7777,
        _decimal(pax[b"uid"]) if b"uid" in pax else _number(header[108:116]),
        _decimal(pax[b"gid"]) if b"gid" in pax else _number(header[116:124]),
        _decimal(pax[b"mtime"]) if b"mtime" in pax else _number(header[136:148]),
        _text(target)[:LAYER_PATH_CHARS],
        start,
    )


def _check(header: bytes, *, first: bool) -> None:
    match = _NUMBER.fullmatch(header[148:156])
    checksum = int(match[1] or b"0", 8) if match else -1
    if checksum != sum(header[:148]) + 8 * 0x20 + sum(header[156:]):
        raise damaged(_NO_TAR if first else _BAD)


def _number(text: bytes) -> int:
    """Octal digits, or GNU's binary number; negative ones (times before 1970) are 0."""
    if text[0] & 0x80:
        value = (
            int.from_bytes(text, "big", signed=True)
            if text[0] == 0xFF
            else int.from_bytes(bytes([text[0] & 0x7F]) + text[1:], "big")
        )
    else:
        match = _NUMBER.fullmatch(text)
        if match is None:
            raise damaged(_BAD)
        value = int(match[1] or b"0", 8)
    if value > _MAX_NUMBER:
        raise damaged(_BAD)
    return max(0, value)


def _decimal(text: bytes) -> int:
    """A number of a pax record; times have fractions."""
    whole = text.partition(b".")[0]
    if not _DECIMAL.fullmatch(whole):
        raise damaged(_BAD)
    return min(max(0, int(whole)), _MAX_NUMBER)


def _sparse_size(tar: _Tar, header: bytes, pax: dict[bytes, bytes]) -> int | None:
    """The size of a file with holes, which its entry's bytes don't tell; None for all others."""
    for key in (b"GNU.sparse.realsize", b"GNU.sparse.size"):
        if key in pax:
            return _decimal(pax[key])
    if header[156:157] != b"S":
        return None
    more = header[482]
    while more:
        more = tar.exactly(_BLOCK)[504]
    return _number(header[483:495])


def _path(header: bytes, pax: dict[bytes, bytes]) -> str:
    if b"GNU.sparse.name" in pax or b"path" in pax:
        raw = pax.get(b"GNU.sparse.name") or pax[b"path"]
    else:
        raw = header[:100].partition(b"\0")[0]
        prefix = header[345:500].partition(b"\0")[0] if header[257:265] == _POSIX else b""
        raw = prefix + b"/" + raw if prefix else raw
    return normal_path(_text(raw))


def normal_path(text: str) -> str:
    """A path from the image's root, without what leads nowhere.

    :raises OciError: it leads out of the image, or is too long.
    """
    if len(text) > LAYER_PATH_CHARS:
        raise damaged(_LONG)
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise damaged(_OUT)
    if len(parts) > LAYER_PATH_DEPTH:
        raise damaged(_LONG)
    return "/".join(parts)


def _text(raw: bytes) -> str:
    """A name; what is no UTF-8 is replaced, and so is what no database holds."""
    return raw.decode("utf-8", "replace").replace("\0", "\ufffd")


def _read_extra(tar: _Tar, kind: bytes, header: bytes, extra: _Extra) -> None:
    size = _number(header[124:136])
    if size > LAYER_RECORD_BYTES:
        raise damaged(_BAD)
    body = tar.exactly(size)
    tar.skip(-size % _BLOCK)
    if kind in b"LK":
        extra.pax[b"path" if kind == b"L" else b"linkpath"] = body.partition(b"\0")[0]
        return
    at, last = 0, len(body.rstrip(b"\0"))
    while at < last:
        match = _PAX_RECORD.match(body, at)
        end = at + int(match[1]) if match else 0
        if match is None or not match.end() < end <= len(body) or body[end - 1] != ord("\n"):
            raise damaged(_BAD)
        if match[2] in _KEYS:
            extra.pax[match[2]] = body[match.end() : end - 1]
        at = end
