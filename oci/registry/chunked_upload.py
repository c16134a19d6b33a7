"""A blob sent to CNCF Distribution in requests that can be ended in good order.

Distribution writes into the Location of a session how many bytes it holds. After a request that broke off that is
wrong, and it then refuses every request for the session, the one that deletes it too: what was sent stays on its
disk for a day. A PATCH that was sent to its end is answered with a Location that is right. So what takes long is sent
by PATCH, and when the import stops in the middle, the rest of the request is filled up and the session deleted.

And a blob for a target that loses patience: proxies before registries close connections on which nothing moves, and a
slow source makes the target wait. There each request is made of bytes that have come already.
"""

from __future__ import annotations

import time
from typing import Final

from oci.http.connection import Response
from oci.http.transport import Sending
from oci.limits import BUFFER_BYTES, MIB
from oci.registry.uploads import Upload
from oci.urls import Url

#: One request: few enough bytes that its rest is filled up in a moment, so many that requests cost nothing.
SEGMENT_BYTES: Final = 128 * MIB
#: What is larger than this takes long enough to be stopped in the middle.
LARGE_BYTES: Final = 16 * MIB
#: What is gathered for one request, if the target does not ask for more: some that keep their blobs in object storage
#: refuse less than 5 MiB, CNCF Distribution takes any.
GATHERED_BYTES: Final = 8 * MIB
GATHERED_FOR_DISTRIBUTION: Final = MIB
#: What comes quickly is gathered for this time, up to :data:`GATHERED_BYTES`: each request takes a while. Seconds.
GATHERED_SECONDS: Final = 1.0
#: More than this is not gathered, whatever the target asks for.
MAX_GATHERED: Final = 64 * MIB
#: For filling up; a cancel leaves a little more (see :mod:`oci.cancel`).
FILL_SECONDS: Final = 0.6


def takes_long(size: int, first_bytes: int) -> bool:
    """Whether a blob is likely to be stopped in the middle: it is large, or its source is slow to begin.

    :param first_bytes: how many came with the first read.
    """
    return size > LARGE_BYTES or first_bytes < min(size, BUFFER_BYTES) // 2


class ChunkedUpload:
    """Stands where a :class:`oci.http.transport.Sending` stands. Belongs to one thread."""

    def __init__(self, upload: Upload, length: int) -> None:
        self._upload = upload
        self._left = length
        self._segment = 0
        self._missing = 0
        self._sending = self._begin()

    @property
    def url(self) -> Url:
        """Where the request that is on its way goes."""
        return self._sending.url

    def send(self, piece: memoryview) -> None:
        """Send one piece, in further requests where one is full.

        :raises ConnectionBroken:
        :raises RetryableError:
        :raises OciError: between two requests.
        """
        while piece.nbytes:
            if not self._missing:
                self._sending = self._begin()
            part = piece[: self._missing]
            piece = piece[part.nbytes :]
            try:
                self._sending.send(part)
            except BaseException:
                self._missing = 0  # ConnectionBroken: nothing is left to be ended in good order.
                raise
            self._missing -= part.nbytes
            if not self._missing:
                self._upload.finish_patch(self._sending, self._segment)

    def finish(self, *, seconds: float | None = None) -> Response:
        """As :meth:`oci.http.transport.Sending.finish`, of the request that is on its way."""
        return self._sending.finish(seconds=seconds)

    def abort(self) -> None:
        """As :meth:`oci.http.transport.Sending.abort`, after an attempt to end the request in good order."""
        if self._missing:
            self._upload.fill_up(self._sending, self._missing, FILL_SECONDS)
            self._missing = 0
        self._sending.abort()

    def _begin(self) -> Sending:
        self._segment = self._missing = min(SEGMENT_BYTES, self._left)
        self._left -= self._segment
        sending = self._upload.begin_patch(self._segment)
        sending.spare()
        return sending


class Gathered:
    """Stands where a :class:`~oci.http.transport.Sending` does, with no request on its way while it waits for bytes."""

    def __init__(self, upload: Upload, digest: str) -> None:
        self._upload = upload
        self._digest = digest
        usual = GATHERED_FOR_DISTRIBUTION if upload.is_distribution else GATHERED_BYTES
        self._enough = min(max(usual, upload.least), MAX_GATHERED)
        self._bytes = bytearray()
        self._sent_at = time.monotonic()

    def send(self, piece: memoryview) -> None:
        """Keep one piece, and send all that is kept once it is enough.

        :raises RetryableError:
        :raises OciError: the target does not take what was gathered.
        """
        self._bytes += piece
        count = len(self._bytes)
        if count < self._enough:
            return
        if count >= GATHERED_BYTES or time.monotonic() - self._sent_at >= GATHERED_SECONDS:
            self._upload.patch(bytes(self._bytes))
            self._bytes.clear()
            self._sent_at = time.monotonic()

    def commit(self) -> None:
        """The last bytes, and the end of the session."""
        self._upload.commit(self._digest, bytes(self._bytes))

    def abort(self) -> None:
        """Nothing is on its way."""
        self._bytes.clear()
