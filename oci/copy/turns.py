"""How many blobs of one import are in flight: a few at the target, and more of the small ones on their way from the
source, where a round trip takes longer than they do. A small one has a connection to the source only while it is read.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from types import TracebackType
from typing import Self

from oci.limits import BUFFER_BYTES
from oci.registry.blobs import ByteStream
from oci.registry.connections import Share
from oci.registry.source import OpensBlobs


class Turns:
    """Thread-safe.

    :param target: blobs at a time at the target, as the operator says.
    :param source: small blobs at a time from the source, if no others are in flight.
    :param share: each large blob in flight has one of the connections to the source; a small one has it only while it
        is read (:class:`CountedSource`).
    """

    def __init__(self, target: int, source: int, share: Share | None) -> None:
        self._share = share
        self._target = threading.Semaphore(target)
        self._changed = threading.Condition()
        self._free = max(source, target)
        #: A large blob keeps one place at the target all the time, and with it its part of those at the source.
        self._large = self._free // target

    @contextmanager
    def of(self, size: int) -> Iterator[AbstractContextManager[object]]:
        """While a blob is in flight; what it gives is to be held while the target is asked or sent something."""
        small = size <= BUFFER_BYTES
        share = 1 if small else self._large
        with self._changed:
            self._changed.wait_for(lambda: self._free >= share)
            self._free -= share
        try:
            if small:
                yield self._target
            else:
                with self._share.one() if self._share is not None else nullcontext(), self._target:
                    yield nullcontext()
        finally:
            with self._changed:
                self._free += share
                self._changed.notify_all()


class CountedSource:
    """For one transfer, which reads one stream at a time. A context manager: leaving it gives back what it has."""

    def __init__(self, source: OpensBlobs, share: Share) -> None:
        self._source = source
        self._share = share
        self._held = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._held.close()

    def open_blob(self, digest: str, offset: int = 0) -> ByteStream:
        """As :meth:`OpensBlobs.open_blob`; waits for a connection."""
        self._held.close()
        self._held.enter_context(self._share.one())
        try:
            return _CountedStream(self._source.open_blob(digest, offset), self._held)
        except BaseException:
            self._held.close()
            raise

    def blob_failed(self, digest: str, *, lied: bool = False) -> None:
        """As :meth:`OpensBlobs.blob_failed`."""
        self._source.blob_failed(digest, lied=lied)


class _CountedStream:
    """Gives back its connection once it has brought all that it said, or is closed."""

    def __init__(self, stream: ByteStream, held: ExitStack) -> None:
        self._stream = stream
        self._held = held
        self.host, self.length, self.offset = stream.host, stream.length, stream.offset
        self._left = stream.length

    def readinto(self, view: memoryview) -> int:
        count = self._stream.readinto(view)
        if self._left is not None:
            self._left -= count
        if not count or self._left == 0:
            self._held.close()
        return count

    def close(self) -> None:
        self._stream.close()
        self._held.close()
