"""A layer's bytes without compression, as they come: bounded in memory, and in how far they expand."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable, Iterator
from typing import IO, TYPE_CHECKING, Final, cast

import zstandard

from oci.errors import OciError, gettext_noop
from oci.limits import ARCHIVE_WINDOW_BYTES, LAYER_RATIO, LAYER_SLACK_BYTES

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
#: Expanded at once.
_PIECE_BYTES: Final = 256 * 1024

_BROKEN: Final = gettext_noop("The layer can't be decompressed: it is damaged.")
_SHORT: Final = gettext_noop("The layer is not complete: it ends in the middle.")
_BOMB: Final = gettext_noop("The layer was refused: it decompresses to far more data than its size suggests.")


def damaged(template: str) -> OciError:
    """A layer that no program can read."""
    return OciError("unsupported_manifest", template)


def expand(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """A layer's tar, in pieces.

    :param chunks: the blob: plain, gzip or zstd, by its first bytes.
    :raises OciError: ``unsupported_manifest`` or ``limit_exceeded``.
    """
    source = _Source(chunks)
    head = source.peek(4)
    if head[:2] == _GZIP:
        pieces = _gunzip(source)
    elif head == _ZSTD:
        pieces = _unzstd(source)
    else:
        pieces = source.pieces()
    out = 0
    for piece in pieces:
        out += len(piece)
        if out > LAYER_SLACK_BYTES + LAYER_RATIO * source.taken:
            raise OciError("limit_exceeded", _BOMB)
        yield piece


class _Source(io.RawIOBase):
    """Chunks as a stream that can be looked ahead in."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = b""
        #: Bytes that came.
        self.taken = 0

    def peek(self, count: int) -> bytes:
        while len(self._rest) < count:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            self.taken += len(chunk)
            self._rest += chunk
        return self._rest[:count]

    def pieces(self) -> Iterator[bytes]:
        while piece := self.take():
            yield piece

    def take(self) -> bytes:
        """Some bytes; none at the end."""
        self.peek(1)
        piece, self._rest = self._rest, b""
        return piece

    def give_back(self, rest: bytes) -> None:
        self._rest = rest + self._rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        piece = self.take()
        count = min(len(piece), view.nbytes)
        view[:count] = piece[:count]
        self._rest = piece[count:]
        return count


def _gunzip(source: _Source) -> Iterator[bytes]:
    """One or several gzip members; zeros after them are padding."""
    while True:
        decoder = zlib.decompressobj(wbits=31)
        while not decoder.eof:
            piece = decoder.unconsumed_tail or source.take()
            if not piece:
                raise damaged(_SHORT)
            try:
                came = decoder.decompress(piece, _PIECE_BYTES)
            except zlib.error:
                raise damaged(_BROKEN) from None
            if came:
                yield came
        source.give_back(decoder.unused_data)
        if source.peek(2) != _GZIP:
            break
    for rest in source.pieces():
        if any(rest):
            raise damaged(_BROKEN)


def _unzstd(source: _Source) -> Iterator[bytes]:
    decoder = zstandard.ZstdDecompressor(max_window_size=ARCHIVE_WINDOW_BYTES)
    reader = decoder.stream_reader(cast(IO[bytes], source), read_size=_PIECE_BYTES, read_across_frames=True)
    try:
        while piece := reader.read(_PIECE_BYTES):
            yield piece
    except zstandard.ZstdError:
        raise damaged(_BROKEN) from None
