"""One blob from source to target: each byte hashed once on its way, nothing stored, resumed on both sides.

The last bytes are held back until size and digest are right, so a wrong blob can never be committed: the
target's request is broken off instead, one chunk short.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from oci.errors import OciError, gettext_noop
from oci.http.connection import ConnectionBroken, ProtocolError
from oci.http.transport import Sending
from oci.limits import BUFFER_BYTES, MIB
from oci.registry.blobs import ByteStream, check_length, head_blob
from oci.registry.chunked_upload import ChunkedUpload, Gathered, takes_long
from oci.registry.faults import RetryableError, digest_differs, size_differs
from oci.registry.repository import Repository
from oci.registry.retry import Attempts
from oci.registry.source import OpensBlobs
from oci.registry.uploads import Upload, start_upload
from oci.spec.digest import parse_digest
from oci.spec.manifest import Descriptor

#: A place in the running hash is kept this often, for going back to what the target holds.
_MARK_BYTES: Final = 16 * MIB
#: Progress is told after so many bytes, so that a slow target is seen to move.
_TOLD_BYTES: Final = 256 * 1024
#: A source that says nothing for this long may cost the connection to the target: proxies close what is idle.
_SILENCE_SECONDS: Final = 1.0
#: What a target holds below this is not worth resuming.
RESUME_BYTES: Final = MIB


SPOILT: Final = gettext_noop("The target registry %(host)s stores content that doesn't match %(digest)s.")


class RunningHash:
    """A hash of the bytes read so far; can go back to an earlier place, and then insists on the same bytes."""

    def __init__(self, digest: str) -> None:
        self._algorithm = parse_digest(digest)[0]
        self._hash = hashlib.new(self._algorithm)
        self.position = 0
        self._marks = [(0, self._hash.copy())]
        self._again: tuple[int, bytes] | None = None

    def update(self, view: memoryview) -> bool:
        """Take in the next bytes; False when bytes that were read before differ now."""
        same = True
        if self._again is not None and self.position + view.nbytes >= self._again[0]:
            end, digest = self._again
            head = view[: end - self.position]
            self._hash.update(head)
            self.position = end
            same = self._hash.copy().digest() == digest
            self._again = None
            view = view[head.nbytes :]
        self._hash.update(view)
        self.position += view.nbytes
        if self.position - self._marks[-1][0] >= _MARK_BYTES:
            self._marks.append((self.position, self._hash.copy()))
        return same

    def go_back(self, offset: int) -> int:
        """Forget what came after a kept place at or before ``offset``; where to read on from."""
        if offset >= self.position:
            return self.position
        # What the target holds was hashed; a second reading must bring the same.
        if self._again is None and offset > 0:
            self._again = (self.position, self._hash.copy().digest())
        elif offset == 0:
            self._again = None
        while self._marks[-1][0] > offset:
            self._marks.pop()
        self.position, kept = self._marks[-1]
        self._hash = kept.copy()
        return self.position

    @property
    def digest(self) -> str:
        return f"{self._algorithm}:{self._hash.hexdigest()}"


class UnprovenHash(RunningHash):
    """For a blob whose first bytes another process sent: this process has not seen them, so it proves nothing."""

    def __init__(self, digest: str, offset: int) -> None:
        super().__init__(digest)
        self._wanted = digest
        self.position = offset

    def update(self, view: memoryview) -> bool:
        self.position += view.nbytes
        return True

    def go_back(self, offset: int) -> int:
        self.position = min(self.position, offset)
        return self.position

    @property
    def digest(self) -> str:
        return self._wanted


class BlobTransfer:
    """Moves one blob. Belongs to one thread.

    :param turn: held while the target is sent the blob; the first bytes are there by then.
    :param on_bytes: told how many bytes of the blob the target was sent; goes back when it has to begin
        again.
    :param stop: raises when the import is to end.
    """

    def __init__(
        self,
        blob: Descriptor,
        source: OpensBlobs,
        target: Repository,
        *,
        turn: AbstractContextManager[object],
        on_bytes: Callable[[int], None],
        stop: Callable[[], None],
    ) -> None:
        self._blob = blob
        self._source = source
        self._target = target
        self._open_uploads = target.client.open_uploads
        self._turn = turn
        self._on_bytes = on_bytes
        self._stop = stop
        self._hash = RunningHash(blob.digest)
        self._stream: ByteStream | None = None
        #: Where bytes came from last, for messages; and how far a small blob is in memory, ahead of the target.
        self._read_from = ""
        self._in_memory = 0
        self._upload: Upload | None = None
        self._resumed = False
        self._spoiled = False
        #: The longest silence of the source in this request to the target, seconds; and whether a connection to the
        #: target broke after one: then no request waits for the source anymore.
        self._silence = 0.0
        self._gathers = False
        #: Bytes that the source brought since it failed last; how far the blob has come at all, and had come when the
        #: target failed last.
        self._came = 0
        self._furthest = self._furthest_failed = 0

    def run(self, upload: Upload | None = None, *, gathers: bool = False) -> None:
        """Until the target has the blob.

        :param upload: a session that a refused mount left open, or that an earlier attempt left with a part of the
            blob. Then the target proves the digest when it commits, and the blob is read back; else it is sent again.
        :param gathers: no request to the target waits for the source, from the beginning on.
        :raises OciError:
        :raises Canceled:
        """
        self._upload, self._gathers = upload, gathers
        if upload is not None:
            self._open_uploads.add(upload)
            if upload.offset:
                self._hash, self._resumed = UnprovenHash(self._blob.digest, upload.offset), True
        buffer = memoryview(bytearray(max(1, min(BUFFER_BYTES, self._blob.size))))
        try:
            with self._target.client.retrier.attempts(self._stop) as attempts:
                while True:
                    try:
                        self._move(buffer, attempts)
                        self._prove()
                        return
                    except OciError:
                        if not self._is_unproven:
                            raise
                        self._close_stream()
                        self._drop_upload()
                    except RetryableError as again:
                        self._close_stream()
                        self._gathers = self._gathers or self._silence > _SILENCE_SECONDS
                        attempts.failed(again, came=self._furthest - self._furthest_failed)
                        self._furthest_failed = self._furthest
                        if self._recover():
                            return
        finally:
            self._close_stream()
            self._drop_upload()

    def _move(self, buffer: memoryview, attempts: Attempts) -> None:
        size = self._blob.size
        offset = self._upload.offset if self._upload is not None else 0
        self._hash.go_back(offset)
        self._in_memory = 0
        self._on_bytes(offset)
        piece = self._next(buffer, attempts) if self._hash.position < size or size == 0 else buffer[:0]
        if size <= BUFFER_BYTES:
            piece = self._whole(piece, buffer, attempts)
        with self._turn:
            self._pass_on(piece, offset, buffer, attempts)

    def _pass_on(self, piece: memoryview, offset: int, buffer: memoryview, attempts: Attempts) -> None:
        """Everything from ``piece`` on, in one upload."""
        size, upload = self._blob.size, self._open_upload()
        self._silence = 0.0
        sending = self._begin(upload, offset, piece.nbytes)
        try:
            while True:
                last = self._hash.position >= size
                if last:
                    self._verify()
                self._send(upload, sending, piece, offset)
                if last:
                    break
                piece = self._next(buffer, attempts)
        except BaseException:
            sending.abort()
            raise
        if isinstance(sending, Gathered):
            sending.commit()
        elif isinstance(sending, ChunkedUpload):
            upload.commit(self._blob.digest)
        elif self._patches(offset):
            upload.finish_patch(sending, size - offset)
            upload.commit(self._blob.digest)
        else:
            upload.finish_put(sending)
        self._open_uploads.discard(upload)
        self._upload = None
        self._on_bytes(size)

    @property
    def _is_unproven(self) -> bool:
        return isinstance(self._hash, UnprovenHash)

    def _prove(self) -> None:
        """Read back what was not hashed as a whole on its way.

        :raises OciError: ``target_error``: the target has other bytes under the digest.
        """
        if not self._is_unproven:
            return
        found, buffer = hashlib.new(parse_digest(self._blob.digest)[0]), memoryview(bytearray(BUFFER_BYTES))
        stream = self._target.open_blob(self._blob.digest)
        try:
            while count := stream.readinto(buffer):
                self._stop()
                found.update(buffer[:count])
        finally:
            stream.close()
        if f"{parse_digest(self._blob.digest)[0]}:{found.hexdigest()}" != self._blob.digest:
            raise OciError("target_error", SPOILT, host=self._target.host, digest=self._blob.digest)

    def _patches(self, offset: int) -> bool:
        return self._resumed and self._blob.size > offset

    def _begin(self, upload: Upload, offset: int, first_bytes: int) -> Sending | ChunkedUpload | Gathered:
        left = self._blob.size - offset
        if self._gathers:
            return Gathered(upload, self._blob.digest)
        if upload.is_distribution and left and takes_long(left, first_bytes):
            return ChunkedUpload(upload, left)
        if self._patches(offset):
            return upload.begin_patch(self._blob.size - offset)
        return upload.begin_put(self._blob.digest, self._blob.size - offset)

    def _open_upload(self) -> Upload:
        if self._upload is None:
            self._upload = self._target.once(start_upload, self._blob.digest)
            self._open_uploads.add(self._upload)
        return self._upload

    def _send(
        self, upload: Upload, sending: Sending | ChunkedUpload | Gathered, piece: memoryview, offset: int
    ) -> None:
        """Pass on the bytes just hashed, without those that the target holds already."""
        at = self._hash.position - piece.nbytes
        while piece.nbytes:
            part = piece[:_TOLD_BYTES]
            piece = piece[part.nbytes :]
            at += part.nbytes
            if at <= offset:
                continue
            self._stop()
            try:
                sending.send(part[max(0, part.nbytes - (at - offset)) :])
            except (ConnectionBroken, ProtocolError) as error:
                if isinstance(sending, Gathered):  # Its requests fail as whole ones do.
                    raise
                raise upload.broken(sending, error) from error
            self._on_bytes(max(at, self._in_memory))

    def _next(self, buffer: memoryview, attempts: Attempts) -> memoryview:
        """The next bytes of the source, which is asked again where it broke off."""
        size = self._blob.size
        asked = time.monotonic()
        while True:
            self._stop()
            try:
                if self._stream is None:
                    self._stream = self._source.open_blob(self._blob.digest, self._hash.position)
                    self._read_from = self._stream.host
                    check_length(self._stream, self._blob.digest, size)
                count = self._stream.readinto(buffer[: size - self._hash.position] if size else buffer)
                if count == 0 and size > self._hash.position:
                    raise size_differs(self._stream.host, self._blob.digest, size, self._hash.position)
                break
            except RetryableError as again:
                self._close_stream()
                self._source.blob_failed(self._blob.digest)
                attempts.failed(again, came=self._came)
                self._came = 0
        self._silence = max(self._silence, time.monotonic() - asked)
        piece = buffer[:count]
        if not self._hash.update(piece):
            raise self._spoil(digest_differs(self._stream.host, self._blob.digest, "other bytes than before"))
        attempts.moved(count)
        self._came += count
        self._furthest = max(self._furthest, self._hash.position)
        return piece

    def _whole(self, piece: memoryview, buffer: memoryview, attempts: Attempts) -> memoryview:
        """A small blob to its end, in memory before it takes its turn at the target: one that comes slowly holds none,
        and the connection that it came by is free for others.
        """
        while self._hash.position < self._blob.size:
            self._in_memory = self._hash.position
            self._on_bytes(self._in_memory)
            piece = buffer[: piece.nbytes + self._next(buffer[piece.nbytes :], attempts).nbytes]
        self._check_end()
        return piece

    def _verify(self) -> None:
        """Compare size and digest with the descriptor.

        :raises RetryableError: size or digest is wrong; nothing was committed.
        """
        self._check_end()
        if self._hash.digest != self._blob.digest:
            raise self._spoil(digest_differs(self._read_from, self._blob.digest, self._hash.digest))

    def _check_end(self) -> None:
        """All bytes came: a source that did not say how many may send more.

        :raises RetryableError: it does.
        """
        stream, size = self._stream, self._blob.size
        if stream is not None and stream.length is None and stream.readinto(memoryview(bytearray(1))):
            raise self._spoil(size_differs(stream.host, self._blob.digest, size, size + 1))
        self._stream = None

    def _spoil(self, fault: RetryableError) -> RetryableError:
        """What was sent is not the blob: nothing of it is built upon."""
        self._spoiled = True
        self._source.blob_failed(self._blob.digest, lied=True)
        self._hash = RunningHash(self._blob.digest)
        self._furthest = self._furthest_failed = 0
        return fault

    def _recover(self) -> bool:
        """Find out what the target has after a fault; whether that is the whole blob."""
        upload = self._upload
        if upload is None:
            return False
        if self._spoiled or upload.spoiled:
            self._spoiled = False
            self._drop_upload()
            return False
        if upload.follows:
            upload.follows = False
            return False
        if self._hash.position >= self._blob.size and self._is_there():
            return True
        held = upload.ask_offset()
        if held is None or held < RESUME_BYTES or held > self._hash.position:
            self._drop_upload()
            return False
        upload.offset = held
        self._resumed = True
        return False

    def _is_there(self) -> bool:
        """The answer may have been lost and the blob not."""
        try:
            found = self._target.once(head_blob, self._blob.digest)
        except (RetryableError, OciError):
            return False
        return found == self._blob.size

    def _drop_upload(self) -> None:
        upload, self._upload = self._upload, None
        self._resumed = False
        if self._is_unproven:
            self._hash = RunningHash(self._blob.digest)
        if upload is not None and not self._target.client.cancel.canceled:
            # After a cancel the session stays listed: cleaning up is done without the token.
            self._open_uploads.discard(upload)
            upload.delete()

    def _close_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
