"""One blob read over as many connections as help, put together in order in memory.

It begins as an ordinary read of the whole over one connection. Where that is slow for what is left, further connections
ask for parts ahead of the reader, into a bounded window (:mod:`oci.copy.ranges.reading_ahead`); the part that is read
next is always the first to be brought. Whatever came, the transfer hashes it: a source that lies in a range is found
out there, and the blob is read once more over one connection.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from oci.cancel import CancelToken
from oci.copy.ranges.reading_ahead import Fetchers, SharedReading
from oci.limits import CANCEL_POLL_SECONDS, FAR_SECONDS
from oci.registry.blobs import BlobStream, ByteStream
from oci.registry.faults import RetryableError
from oci.registry.source import SendsRanges
from oci.spec.manifest import Descriptor

#: The reader waits this long for a part that does not move while others do, before another connection brings it.
_LATE_SECONDS: Final = 3.0
#: How often other workers are told that the connections are in use. Seconds.
_ALIVE_SECONDS: Final = 5.0
#: A part is taken from a lagging connection this often; then the stall time counts, as ever.
_RESCUES: Final = 2


class RangedBlob:
    """A :class:`oci.registry.source.OpensBlobs` for one blob, and the stream that it opens. Belongs to the thread of
    one transfer; :meth:`end` ends its connections and lets go of its memory.

    :param stop: raises when the blob is not wanted anymore; asked while waiting.
    :param on_connections: told how many connections bring the blob whenever that changes.
    """

    def __init__(
        self,
        source: SendsRanges,
        blob: Descriptor,
        shared: SharedReading,
        *,
        cancel: CancelToken,
        stop: Callable[[], None],
        on_connections: Callable[[int], None] = lambda _count: None,
    ) -> None:
        self._source = source
        self._blob = blob
        self._connections = shared.connections
        self._stop = stop
        self._fetchers = Fetchers(source, blob, shared, cancel=cancel, on_connections=on_connections)
        self._first: ByteStream | None = None
        self._first_brought = 0
        self._lied = False
        self._told_alive = time.monotonic()
        #: The part that the reader waits for, how far it was then, when, and how much had come of all.
        self._seen, self._seen_at, self._seen_received = (-1, 0), 0.0, 0
        self.host = source.host
        self.offset = 0
        self.length: int | None = None

    # --- as a source -------------------------------------------------------------------------------------------

    def open_blob(self, digest: str, offset: int = 0) -> ByteStream:
        """Go on at ``offset``; what is in memory from there on is not asked for again.

        :raises RetryableError:
        :raises OciError:
        """
        fetchers = self._fetchers
        self.offset, self.length = offset, self._blob.size - offset
        with fetchers.changed:
            head = fetchers.pieces.head
            if head is None or offset >= head.end:
                fetchers.pieces.restart(offset)
            is_here = fetchers.pieces.begin <= offset
        is_far = None
        if not is_here:
            asked = time.monotonic()
            self._open_first()
            is_far = time.monotonic() - asked > FAR_SECONDS
        with fetchers.changed:
            if not self._lied and self.length is not None:
                fetchers.begin(offset, is_far=is_far)
        return self

    def blob_failed(self, digest: str, *, lied: bool = False) -> None:
        """``lied``: nothing that is in memory is built upon, and the next reading is over one connection."""
        if lied:
            self._lied = True
            self.end()
        self._source.blob_failed(digest, lied=lied)

    def end(self) -> None:
        """Close, and hold nothing anymore."""
        self.close()
        with self._fetchers.changed:
            self._fetchers.pieces.restart(self._blob.size)

    # --- as a stream -------------------------------------------------------------------------------------------

    def readinto(self, view: memoryview) -> int:
        """As :meth:`oci.registry.blobs.BlobStream.readinto`."""
        fetchers, asked = self._fetchers, time.monotonic()
        fetchers.waits_since = asked
        try:
            count = self._read(view)
        finally:
            now = time.monotonic()
            with fetchers.changed:
                fetchers.waits_since = None
                fetchers.waited += now - asked
        if now - self._told_alive > _ALIVE_SECONDS:
            self._told_alive = now
            self._connections.alive(self._source.host)
        return count

    def close(self) -> None:
        """End all connections; what came is kept for the next :meth:`open_blob`."""
        self._fetchers.close()
        self._close_first()

    def _read(self, view: memoryview) -> int:
        fetchers = self._fetchers
        while True:
            with fetchers.changed:
                if fetchers.defect is not None:
                    raise fetchers.defect
                if count := self._take(view):
                    return count
                if self.offset >= self._blob.size:
                    break
                left = fetchers.pieces.begin - self.offset
                # The fetchers bring what follows what they have; a gap before that is the reader's own.
                if self._first is None and (left <= 0 or (fetchers.is_at_work and not fetchers.pieces)):
                    self._wait()
                    continue
                own = view[:left]
                fetchers.reads_to = self.offset + own.nbytes
            if self._first is None:
                self._open_first()
            if (read := self._read_first(own)) is not None:
                return read
        # A source that did not say how long the blob is may send more than the blob has.
        return self._first.readinto(view) if self._first is not None else 0

    def _take(self, view: memoryview) -> int:
        """What is in memory of the next bytes; a part that no one brings anymore is forgotten."""
        fetchers = self._fetchers
        while (head := fetchers.pieces.head) is not None and head.start <= self.offset:
            if count := fetchers.pieces.take(self.offset, view):
                self.offset = fetchers.position = self.offset + count
                fetchers.changed.notify_all()
                return count
            if head.owner is not None or fetchers.is_at_work:
                break
            fetchers.pieces.drop_head()
        return 0

    def _wait(self) -> None:
        """Until something changes. A part that does not move while others do is taken from its connection."""
        fetchers, head = self._fetchers, self._fetchers.pieces.head
        fetchers.changed.wait(CANCEL_POLL_SECONDS)
        self._stop()
        if head is None or head.owner is None:
            return
        now, seen = time.monotonic(), (head.start, head.filled)
        if self._seen != seen:
            self._seen, self._seen_at, self._seen_received = seen, now, fetchers.received
        elif now - self._seen_at > _LATE_SECONDS and fetchers.received > self._seen_received:
            if head.rescues < _RESCUES:
                head.rescues += 1
                head.owner.cancel("late")
            self._seen = (-1, 0)

    # --- the first connection ----------------------------------------------------------------------------------

    def _open_first(self) -> None:
        """Open the connection that the blob has in any case (:mod:`oci.copy.turns`).

        :raises RetryableError:
        :raises OciError:
        """
        first = self._source.open_blob(self._blob.digest, self.offset)
        self._first, self._first_brought = first, 0
        self.host, self.length = first.host, first.length
        with self._fetchers.changed:
            self._fetchers.reader_reads = True
            if isinstance(first, BlobStream) and not self._fetchers.is_same(first):
                self._fetchers.turn_off("it names other bytes by now")
            self._fetchers.tell()

    def _close_first(self) -> None:
        first, self._first = self._first, None
        if first is None:
            return
        first.close()
        with self._fetchers.changed:
            self._fetchers.reader_reads = False

    def _read_first(self, view: memoryview) -> int | None:
        """From the first connection, up to where the parts begin; None where it broke and there are others.

        :raises RetryableError: it broke, and all depends on it.
        """
        first, fetchers = self._first, self._fetchers
        assert first is not None
        try:
            count = first.readinto(view)
        except RetryableError:
            self._close_first()
            if not self._first_brought or not fetchers.pieces:
                raise
            return None
        self._first_brought += count
        with fetchers.changed:
            self.offset = fetchers.position = self.offset + count
            if count:
                fetchers.came(count, self)
            is_done = self.offset == fetchers.pieces.begin < self._blob.size
        if is_done:
            self._close_first()
            with fetchers.changed:
                fetchers.adjust()
        return count
