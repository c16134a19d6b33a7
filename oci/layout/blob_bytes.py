"""Any part of a blob of a registry, as bytes to hand on: resumed where the line breaks, proved before its end."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from oci.registry.blobs import ByteStream, check_length
from oci.registry.faults import RetryableError, digest_differs, size_differs
from oci.registry.repository import Repository
from oci.registry.retry import Attempts
from oci.spec.digest import parse_digest

#: Bytes handed on at a time.
PIECE_BYTES: Final = 256 * 1024


@dataclass(slots=True)
class BlobBytes:
    """One blob of one repository; an :data:`oci.layout.tar_writer.Content`.

    The last bytes of a blob are held back until its digest is right: what is spoilt in the registry never looks
    complete. For a part that begins inside the blob and has its end, what comes before is read and hashed as well. A
    part without the end is not proved.
    """

    repository: Repository
    digest: str
    size: int

    def __call__(self, start: int, end: int) -> Iterator[bytes]:
        """Bytes ``start`` to ``end``, which is not one of them.

        While what comes before ``start`` is hashed, the pieces are empty: the reader sees that work goes on.

        :raises OciError: the registry is away for longer than the retries take, or has other content.
        """
        proves = end == self.size
        at, hashed = 0 if proves else start, hashlib.new(parse_digest(self.digest)[0])
        with self.repository.client.retrier.attempts() as attempts:
            for piece in self._pieces(at, end, attempts):
                before, at = at, at + len(piece)
                if proves:
                    hashed.update(piece)
                    if at == end:
                        self._prove(f"{hashed.name}:{hashed.hexdigest()}")
                yield piece[max(0, start - before) :]

    def _pieces(self, at: int, end: int, attempts: Attempts) -> Iterator[bytes]:
        buffer, came = memoryview(bytearray(min(PIECE_BYTES, end - at))), 0
        stream: ByteStream | None = None
        try:
            while at < end:
                try:
                    stream = stream or self._open(at)
                    count = self._read(stream, buffer[: end - at], at)
                except RetryableError as again:
                    if stream is not None:
                        stream.close()
                    stream = None
                    attempts.failed(again, came=came)
                    came = 0
                    continue
                attempts.moved(count)
                at, came = at + count, came + count
                yield bytes(buffer[:count])
        finally:
            if stream is not None:
                stream.close()

    def _open(self, at: int) -> ByteStream:
        stream = self.repository.open_blob(self.digest, at)
        try:
            check_length(stream, self.digest, self.size)
        except RetryableError:
            stream.close()
            raise
        return stream

    def _read(self, stream: ByteStream, view: memoryview, at: int) -> int:
        count = stream.readinto(view)
        if not count:
            raise size_differs(stream.host, self.digest, self.size, at)
        return count

    def _prove(self, found: str) -> None:
        if found != self.digest:
            raise digest_differs(self.repository.host, self.digest, found).error


@dataclass(slots=True)
class ManifestBytes:
    """The same of a manifest, which is read whole."""

    repository: Repository
    digest: str
    size: int

    def __call__(self, start: int, end: int) -> Iterator[bytes]:
        """As :meth:`BlobBytes.__call__`."""
        body = self.repository.get_manifest(self.digest).body
        if len(body) != self.size:
            raise size_differs(self.repository.host, self.digest, self.size, len(body)).error
        yield body[start:end]
