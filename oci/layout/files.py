"""The bytes of an archive, plain or compressed, from any offset: no second copy on disk, and flat memory.

A plain file is read where it lies. Of a compressed one the decoder that was closed last is kept: what lies behind that
place goes on from it, so that who reads in the order of the file decompresses it once. What lies before it is
decompressed again: of a gzip file from the nearest of at most 64 places whose decoder (some 50 KiB) was copied on the
way, of a zstd file, whose decoders can't be copied, from its beginning. The files of one archive share these places,
and few of them keep a decoder (:class:`Budget`).
"""

from __future__ import annotations

import bisect
import io
import os
import threading
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Protocol, cast

import zstandard

from oci.errors import OciError, gettext_noop
from oci.layout.faults import invalid
from oci.limits import ARCHIVE_RATIO, ARCHIVE_SLACK_BYTES, ARCHIVE_WINDOW_BYTES, MIB

#: Read from the disk at once where it is decompressed.
_INPUT_BYTES: Final = 64 * 1024
#: Decompressed at once where bytes are passed over.
_SKIP_BYTES: Final = 256 * 1024
#: Places from which gzip files can be read again, those of all files of an archive together, and how far they are apart
#: at first.
_POINTS: Final = 64
_POINT_BYTES: Final = 4 * MIB
#: Files of an archive whose decoder stays where it is: one of zstd has a window of up to eight MiB.
_DECODERS: Final = 4
#: Members of compressed files that are kept, and all of them in an archive: manifests have a few KiB.
_SMALL_BYTES: Final = 32 * 1024
_SMALL_BYTES_ALL: Final = 8 * MIB
if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"

_BROKEN: Final = gettext_noop("%(file)s is damaged: it can't be decompressed.")
_SHORT: Final = gettext_noop("%(file)s is not complete: it ends in the middle.")
_BOMB: Final = gettext_noop("%(file)s was refused: it decompresses to far more data than its size suggests.")
_UNREADABLE: Final = gettext_noop("Can't read %(file)s: %(cause)s.")


class Reader(Protocol):
    """Bytes from a place on. Belongs to one thread."""

    def readinto(self, view: memoryview) -> int:
        """Fill ``view`` as far as there are bytes; 0 at the end.

        :raises OciError: ``bundle_invalid``.
        """

    def close(self) -> None:
        """Give back what it holds."""


class _Decoder(Reader, Protocol):
    """``at``: the offset of what it gives next."""

    at: int


class Budget:
    """What all files of one archive take together: there may be two hundred of them. Thread-safe where it says so.

    :ivar members: counted so far, like ``chars``, of their names, and ``small``, bytes of those that are kept.
    """

    def __init__(self, files: int = 1) -> None:
        self.members = self.chars = self.small = 0
        #: Places of one gzip file; its beginning is one of them.
        self.points = max(1, _POINTS // files)
        self._ready: dict[_Compressed, None] = {}
        self._lock = threading.Lock()

    def ready(self, file: _Compressed) -> _Compressed | None:
        """Note that a file keeps a decoder; which one is to drop its own for that. Thread-safe."""
        with self._lock:
            self._ready.pop(file, None)
            self._ready[file] = None
            oldest = next(iter(self._ready))
            if len(self._ready) <= _DECODERS:
                return None
            del self._ready[oldest]
            return oldest


class ArchiveFile:
    """One file. Thread-safe; close it.

    :ivar name: for messages.
    :ivar size: bytes on the disk.
    :ivar tick: called time and again while much is read that no one asked for; may raise.
    :ivar budget: what it shares with the other files of its archive; set before anything is read.
    """

    #: Whether passing over bytes costs nothing.
    seeks = True
    #: Small members of a file that is decompressed, by offset: manifests are asked for one by one.
    kept: dict[int, bytes]

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self.tick: Callable[[], None] = lambda: None
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise self.unreadable(error) from error
        found = os.fstat(self._fd)
        self.size = found.st_size
        #: Changes when the file does.
        self.identity = (found.st_ino, found.st_size, found.st_mtime_ns)
        self.kept = {}
        self.budget = Budget()
        self._lock = threading.Lock()
        self._closed = False

    def unreadable(self, error: OSError) -> OciError:
        """The disk fails, which may pass."""
        cause = error.strerror or str(error)
        return OciError("source_error", _UNREADABLE, retryable=True, file=self.name, cause=cause)

    def open(self, offset: int = 0) -> Reader:
        """Its bytes from ``offset`` on, uncompressed."""
        return _Plain(self, offset)

    @property
    def most(self) -> int:
        """No place in it can be beyond this many bytes."""
        return self.size

    def wants(self, size: int) -> bool:
        """Whether a member that is passed over is worth keeping (:meth:`keep_small`), and there is room for it."""
        return not self.seeks and size <= _SMALL_BYTES and self.budget.small + size <= _SMALL_BYTES_ALL

    def keep_small(self, offset: int, content: bytes) -> None:
        """Keep a member's bytes, which begin at ``offset``, so that they need not be sought later."""
        self.kept[offset] = content
        self.budget.small += len(content)

    def pread(self, view: memoryview, offset: int) -> int:
        """Read from the file as it lies on the disk."""
        try:
            return os.preadv(self._fd, [view], offset)
        except OSError as error:
            raise self.unreadable(error) from error

    def close(self) -> None:
        """Harmless to repeat."""
        with self._lock:
            if not self._closed:
                self._closed = True
                os.close(self._fd)


class _Plain:
    def __init__(self, file: ArchiveFile, offset: int) -> None:
        self._file = file
        self._at = offset

    def readinto(self, view: memoryview) -> int:
        count = self._file.pread(view, self._at)
        self._at += count
        return count

    def close(self) -> None:
        """The file stays open for others."""


class _Compressed(ArchiveFile, ABC):
    seeks = False

    def __init__(self, path: Path, name: str) -> None:
        super().__init__(path, name)
        self._left: _Decoder | None = None

    @property
    def most(self) -> int:
        return ARCHIVE_SLACK_BYTES + ARCHIVE_RATIO * self.size

    def open(self, offset: int = 0) -> Reader:
        decoder = self._nearest(offset)
        with self._lock:
            left = self._left
            if left is not None and decoder.at <= left.at <= offset:
                decoder, self._left = left, None
        reader = _Lent(self, decoder)
        try:
            self._pass_over(reader, offset - decoder.at)
        except BaseException:
            reader.close()
            raise
        return reader

    def give_back(self, decoder: _Decoder) -> None:
        """Keep it for who reads on from where it is."""
        with self._lock:
            dropped = decoder if self._closed else self._left
            self._left = None if self._closed else decoder
        if dropped is not None:
            dropped.close()
        if (other := self.budget.ready(self)) is not None:
            other.drop()

    def close(self) -> None:
        super().close()
        self.drop()

    def drop(self) -> None:
        """Keep no decoder."""
        with self._lock:
            left, self._left = self._left, None
        if left is not None:
            left.close()

    @abstractmethod
    def _nearest(self, offset: int) -> _Decoder:
        """A new one at or before ``offset``."""

    def _pass_over(self, reader: Reader, count: int) -> None:
        buffer = memoryview(bytearray(min(count, _SKIP_BYTES)))
        while count:
            self.tick()
            came = reader.readinto(buffer[: min(count, _SKIP_BYTES)])
            if not came:
                raise invalid(self.name, _SHORT)
            count -= came


class _Lent:
    """A decoder while one thread reads. What failed is not used again."""

    def __init__(self, file: _Compressed, decoder: _Decoder) -> None:
        self._file = file
        self._decoder: _Decoder | None = decoder

    def readinto(self, view: memoryview) -> int:
        decoder, self._decoder = self._decoder, None
        assert decoder is not None
        try:
            count = decoder.readinto(view)
        except BaseException:
            decoder.close()
            raise
        self._decoder = decoder
        return count

    def close(self) -> None:
        decoder, self._decoder = self._decoder, None
        if decoder is not None:
            self._file.give_back(decoder)


class _Input(io.RawIOBase):
    """The compressed bytes, from a place on."""

    def __init__(self, file: ArchiveFile, offset: int) -> None:
        self._file = file
        self.at = offset

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        self._file.tick()  # Frames may be empty, and many.
        view = memoryview(buffer)
        count = self._file.pread(view, self.at)
        self.at += count
        return count


class GzipFile(_Compressed):
    """One or several gzip members, one after the other."""

    def __init__(self, path: Path, name: str) -> None:
        super().__init__(path, name)
        #: By offset: where the compressed bytes go on there, and the decoder as it was.
        self._offsets: list[int] = [0]
        self._points: list[tuple[int, zlib._Decompress]] = [(0, _gzip())]
        self._apart = _POINT_BYTES
        self._point_lock = threading.Lock()

    def _nearest(self, offset: int) -> _Gunzip:
        with self._point_lock:
            index = bisect.bisect_right(self._offsets, offset) - 1
            source, decoder = self._points[index]
            return _Gunzip(self, self._offsets[index], source, decoder.copy())

    def keep_point(self, offset: int, source: int, decoder: zlib._Decompress) -> None:
        """Remember a place, where the last one is far enough away."""
        with self._point_lock:
            if offset - self._offsets[-1] < self._apart:
                return
            self._offsets.append(offset)
            self._points.append((source, decoder.copy()))
            if len(self._offsets) > self.budget.points:
                self._offsets, self._points = self._offsets[::2], self._points[::2]
                self._apart *= 2


class _Gunzip:
    def __init__(self, file: GzipFile, offset: int, source: int, decoder: zlib._Decompress) -> None:
        self._file = file
        self.at = offset
        self._source = source
        self._decoder = decoder
        self._rest = b""
        self._buffer = bytearray(_INPUT_BYTES)

    def readinto(self, view: memoryview) -> int:
        while True:
            if self._decoder.eof and not self._next_member():
                return 0
            if not self._rest:
                count = self._file.pread(memoryview(self._buffer), self._source)
                if not count:
                    raise invalid(self._file.name, _SHORT)
                self._rest, self._source = bytes(memoryview(self._buffer)[:count]), self._source + count
            try:
                came = self._decoder.decompress(self._rest, min(view.nbytes, _SKIP_BYTES))
            except zlib.error:
                raise invalid(self._file.name, _BROKEN) from None
            self._rest = self._decoder.unconsumed_tail
            if came:
                break
        view[: len(came)] = came
        self.at += len(came)
        consumed = self._source - len(self._rest) - len(self._decoder.unused_data)
        _check_ratio(self._file, self.at, consumed)
        if not self._decoder.eof:
            self._file.keep_point(self.at, consumed, self._decoder)
        return len(came)

    def _next_member(self) -> bool:
        """Whether another member follows; zeros are padding."""
        self._file.tick()  # Members may be empty, and many.
        rest = self._decoder.unused_data
        self._source -= len(rest)
        self._rest = b""
        head = memoryview(self._buffer)
        while count := self._file.pread(head, self._source):
            self._file.tick()
            if bytes(head[:2]) == _GZIP:
                self._decoder = _gzip()
                return True
            if any(head[:count]):
                raise invalid(self._file.name, _BROKEN)
            self._source += count
        return False

    def close(self) -> None:
        self._rest = b""


def _gzip() -> zlib._Decompress:
    return zlib.decompressobj(wbits=31)


class ZstdFile(_Compressed):
    """One or several zstd frames."""

    def _nearest(self, offset: int) -> _Unzstd:
        return _Unzstd(self)


class _Unzstd:
    def __init__(self, file: ZstdFile) -> None:
        self._file = file
        self.at = 0
        self._input = _Input(file, 0)
        decoder = zstandard.ZstdDecompressor(max_window_size=ARCHIVE_WINDOW_BYTES)
        self._reader = decoder.stream_reader(
            cast(IO[bytes], self._input), read_size=_INPUT_BYTES, read_across_frames=True
        )

    def readinto(self, view: memoryview) -> int:
        try:
            count = self._reader.readinto(view[:_SKIP_BYTES])
        except zstandard.ZstdError:
            raise invalid(self._file.name, _BROKEN) from None
        self.at += count
        _check_ratio(self._file, self.at, self._input.at)
        return int(count)

    def close(self) -> None:
        self._reader.close()  # type: ignore[no-untyped-call]


def _check_ratio(file: ArchiveFile, out: int, consumed: int) -> None:
    if out > ARCHIVE_SLACK_BYTES + ARCHIVE_RATIO * consumed:
        raise invalid(file.name, _BOMB)


def open_file(path: Path, name: str) -> ArchiveFile:
    """Open an archive's file, compressed or not.

    :param name: for messages.
    :raises OciError: ``source_error``: it can't be read.
    """
    plain = ArchiveFile(path, name)
    head = bytearray(4)
    try:
        plain.pread(memoryview(head), 0)
    except BaseException:
        plain.close()
        raise
    kind = GzipFile if head[:2] == _GZIP else ZstdFile if head == _ZSTD else None
    if kind is None:
        return plain
    plain.close()
    return kind(path, name)
