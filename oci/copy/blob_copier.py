"""Every blob up the ladder: is it at the target, can it be mounted, does another import move it, else stream
it.

A target is asked as little as the ladder allows: a blob that it hardly has is asked for by the question that begins its
upload, and one that it must have, since it has the image, by the question that reads it back.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Final

from oci.copy.blob_transfer import RESUME_BYTES, BlobTransfer
from oci.copy.context import CopyContext
from oci.copy.observer import Flight, LayerState
from oci.copy.ranges.ranged_blob import RangedBlob
from oci.copy.turns import CountedSource, Turns
from oci.errors import Canceled, gettext_noop
from oci.limits import BUFFER_BYTES, RANGED_BYTES
from oci.registry.blobs import ByteStream, MemoryStream
from oci.registry.faults import RegistryError
from oci.registry.repository import Repository
from oci.registry.source import OpensBlobs, Source
from oci.registry.uploads import Upload, reopen_upload
from oci.spec.manifest import Descriptor

#: A wait for another import looks this often whether this one was canceled.
_FLIGHT_LOOK_SECONDS: Final = 0.5
#: Bytes a second that the other import has to move on average to be waited for longer than the stall time. A line that
#: is slower is filled twice by who goes ahead; one that drips holds no one.
_FLIGHT_RATE: Final = 256 * 1024
#: So many transfers of one blob are waited for, if they fail one after the other.
_FLIGHTS_AWAITED: Final = 3
#: A blob that was read back so lately is not read back once more before the tag. Seconds.
_SEEN_SECONDS: Final = 10.0
#: Answers of registries that mount nothing within one repository.
_NO_SUCH_MOUNT: Final = frozenset({400, 404, 405, 409, 422, 501})


#: Held while the target is asked or sent something.
Turn = AbstractContextManager[object]


class Stopped(Exception):
    """Another blob of the image failed; its error is the one that counts."""


class BlobCopier:
    """Brings blobs to one repository. Used for one image, from several threads.

    :param source: asked with this import's rights.
    """

    def __init__(self, source: Source, target: Repository, context: CopyContext) -> None:
        self._source = source
        self._target = target
        self._cancel = context.reading.cancel
        self._workers = context.reading.workers
        self._observer = context.observer
        self._sharing = context.sharing
        self._transfers = context.transfers
        self._resumption = context.resumption
        self._turns = Turns(context.transfers.parallel_blobs, self._workers.size, self._workers.share)
        self._failed = threading.Event()
        #: Blobs whose other import took too long: moved without waiting anymore.
        self._overdue: set[str] = set()
        self._awaited: Counter[str] = Counter()
        #: Blobs that the target, asked a moment ago, did not have; and when those that it showed were read back.
        self.missing: set[str] = set()
        self._seen: dict[str, float] = {}
        #: Whether the target has the image, and so must have its blobs.
        self.has_image = False
        #: Blobs that are in memory already, and what waits for one that is being read.
        self.contents: dict[str, bytes] = {}
        self.await_content: Callable[[str], None] = lambda _digest: None

    def bring(self, blobs: Iterable[Descriptor], *, force: bool = False) -> None:
        """Until the target has all of them.

        :param force: upload even what the target says it has: it lost it.
        :raises OciError: the first failure; what is under way then stops.
        :raises Canceled:
        """
        todo = sorted(blobs, key=self._transfers.order)
        if not force:
            self._sharing.mounts.look_ahead([blob.digest for blob in todo])
        while todo:
            self._failed.clear()
            futures = self._workers.all(partial(self._bring_one, force=force), todo, failed=self._failed.set)
            errors = [error for future in futures if not future.cancelled() and (error := future.exception())]
            for error in errors:
                if not isinstance(error, Stopped):
                    raise error
            deferred = [blob for future, blob in zip(futures, todo, strict=True) if not future.result()]
            for blob in deferred:
                self._wait_for_other(blob)
            todo = deferred

    def bring_again(self, blobs: Iterable[Descriptor]) -> None:
        """Upload blobs that the target lost, whatever it says."""
        self.bring(blobs, force=True)

    def _stop(self) -> None:
        self._cancel.check()
        if self._failed.is_set():
            raise Stopped

    def _tell(self, blob: Descriptor, state: LayerState, done: int) -> None:
        self._observer.layer(blob.digest, state, done)

    def _bring_one(self, blob: Descriptor, *, force: bool) -> bool:
        """False when another import moves it: to be looked at again later."""
        self.await_content(blob.digest)
        try:
            with self._turns.of(blob.size) as turn:
                self._stop()
                if force:
                    self._stream(blob, None, turn, lambda _done: None)
                    return True
                return self._copy(blob, turn)
        except (Canceled, Stopped):
            raise
        except BaseException:
            self._tell(blob, LayerState.FAILED, 0)
            raise

    def was_seen(self, digest: str) -> bool:
        """Whether the target has shown a blob to its end a moment ago."""
        return time.monotonic() - self._seen.get(digest, -_SEEN_SECONDS) < _SEEN_SECONDS

    def _copy(self, blob: Descriptor, turn: Turn) -> bool:
        asked = blob.digest in self.missing
        self.missing.discard(blob.digest)  # True once: another import may bring it.
        if not asked and self._may_be_here(blob.digest):
            asked = True
            if self._found_here(blob, turn):
                return True
        flight = self._sharing.flights.begin(self._flight_of(blob))
        if flight is None and blob.digest not in self._overdue:
            # The other may move it elsewhere, while it is here.
            return not asked and self._found_here(blob, turn)
        try:
            self._fetch(blob, turn, flight, asked=asked)
        except BaseException:
            if flight is not None:
                flight.end(False)
            raise
        return True

    def _may_be_here(self, digest: str) -> bool:
        """Whether the target is worth a question of its own before it is asked to begin an upload."""
        if self.has_image or digest in self._resumption.kept_uploads or not self._target.mounts_as_told:
            return True
        known = self._sharing.mounts.candidates(digest, refresh=False)
        return any(each.repository == self._target.name for each in known)

    def _found_here(self, blob: Descriptor, turn: Turn) -> bool:
        with turn:
            is_here = self._is_here(blob)
        if is_here:
            self._tell(blob, LayerState.EXISTS, blob.size)
        return is_here

    def _flight_of(self, blob: Descriptor) -> str:
        return f"{self._target.host}/{self._sharing.flight_scope}/{blob.digest}"

    def _is_here(self, blob: Descriptor) -> bool:
        if not self.has_image:
            return self._target.head_blob(blob.digest) in (blob.size, -1)
        is_intact = self._target.is_intact(blob.digest, blob.size)
        if is_intact:
            self._seen[blob.digest] = time.monotonic()
        return is_intact

    def _fetch(self, blob: Descriptor, turn: Turn, flight: Flight | None, *, asked: bool) -> None:
        """Mount or stream. Asked for only with the right to move it: what another import brought between our look
        and our turn is seen now. The flight ends once others can find the blob.
        """

        def completed() -> None:
            if flight is not None:
                flight.end(True)

        with self._asking(blob), turn:
            upload = self._mount(blob, refresh=flight is None or flight.stale, asked=asked)
        if upload is LayerState.EXISTS:
            self._tell(blob, upload, blob.size)
            completed()
            return
        if isinstance(upload, LayerState):
            self._tell(blob, upload, blob.size)
        else:
            self._stream(blob, upload, turn, flight.progress if flight else lambda _done: None)
        self._sharing.mounts.copied(blob.digest, blob.size, completed)

    @contextmanager
    def _asking(self, blob: Descriptor) -> Iterator[None]:
        """With a connection to the source, where a question to it stands before a mount. It is had before the turn at
        the target: who has a turn never waits for one.
        """
        share = self._workers.share
        known = self._sharing.mounts.candidates(blob.digest, refresh=False)
        asks = blob.size <= BUFFER_BYTES and any(each.needs_source_check for each in known)
        with share.one() if asks and share is not None else nullcontext():
            yield

    def _mount(self, blob: Descriptor, *, refresh: bool, asked: bool) -> LayerState | Upload | None:
        """Mounted, or there by now; or the session that a registry begins instead; or nothing to mount from.

        :param asked: the target was asked for the blob a moment ago, and did not have it.
        """
        left: Upload | None = None
        for candidate in self._sharing.mounts.candidates(blob.digest, refresh=refresh):
            if candidate.repository == self._target.name:
                asked = True
                if self._is_here(blob):
                    self._drop(left)
                    return LayerState.EXISTS
            elif candidate.needs_source_check and self._source.head_blob(blob.digest) is None:
                continue
            else:
                self._drop(left)
                left = None
                left = self._target.mount_blob(blob.digest, self._target.sibling(candidate.repository))
                if left is None:
                    return LayerState.MOUNTED
            self._sharing.mounts.refused(blob.digest, candidate.repository)
        if left is None and not asked:
            return self._found_or_begun(blob)
        if left is not None and not asked and self._is_here(blob):
            self._drop(left)
            return LayerState.EXISTS
        return left

    def _found_or_begun(self, blob: Descriptor) -> LayerState | Upload | None:
        """Asks for the blob and for an upload session at once: mounts it from where it is to be, at a registry that
        :attr:`~oci.registry.repository.Repository.mounts_as_told`.
        """
        try:
            upload = self._target.mount_blob(blob.digest, self._target)
        except RegistryError as refusal:
            if refusal.status not in _NO_SUCH_MOUNT:
                raise
            return LayerState.EXISTS if self._is_here(blob) else None
        return LayerState.EXISTS if upload is None else upload

    def _drop(self, upload: Upload | None) -> None:
        if upload is not None:
            upload.delete()

    def _stream(
        self, blob: Descriptor, upload: Upload | None, turn: Turn, on_progress: Callable[[int], None]
    ) -> None:
        def on_bytes(done: int) -> None:
            self._tell(blob, LayerState.COPYING, done)
            on_progress(done)

        kept = self._resumption.kept_uploads.pop(blob.digest, None)
        if kept is not None and upload is None:
            upload = self._target.client.retrier.run(
                lambda: self._target.once(reopen_upload, blob.digest, kept)
            )
        with self._opened(blob) as source:
            gathers = self._resumption.keeps_uploads and blob.size > RESUME_BYTES
            BlobTransfer(blob, source, self._target, turn=turn, on_bytes=on_bytes, stop=self._stop).run(
                upload, gathers=gathers
            )
        self._tell(blob, LayerState.DONE, blob.size)

    @contextmanager
    def _opened(self, blob: Descriptor) -> Iterator[OpensBlobs]:
        """Where the blob's bytes come from, for one transfer."""
        content = self.contents.get(blob.digest, blob.data)
        if content is not None:
            yield _InMemory(content, self._target.host)
            return
        share = self._workers.share
        if blob.size <= BUFFER_BYTES and share is not None:
            with CountedSource(self._source, share) as counted:
                yield counted
            return
        if blob.size < RANGED_BYTES:
            yield self._source
            return
        ranged = RangedBlob(
            self._source,
            blob,
            self._transfers.reading_ahead,
            cancel=self._cancel,
            stop=self._stop,
            on_connections=partial(self._observer.connections, blob.digest),
        )
        try:
            yield ranged
        finally:
            ranged.end()

    def _wait_for_other(self, blob: Descriptor) -> None:
        """Until the other import's transfer ended: for the stall time, and longer only while it is quick.

        Its bytes count up to the size that this import's own manifest names, so the wait is bounded by that.
        """
        template = gettext_noop("Another import is transferring %(digest)s; waiting for it to finish.")
        self._observer.waiting(template, {"digest": blob.digest}, None)
        self._awaited[blob.digest] += 1
        began, first, seen = time.monotonic(), -1, -1

        def on_progress(done: int) -> None:
            nonlocal first, seen
            done = min(done, blob.size)
            first = done if first < 0 else min(first, done)
            if done != seen:
                seen = done
                self._tell(blob, LayerState.WAITING, done)

        while not self._sharing.flights.wait(self._flight_of(blob), _FLIGHT_LOOK_SECONDS, on_progress):
            self._cancel.check()
            waited = time.monotonic() - began
            if waited > self._transfers.stall_seconds and seen - first < _FLIGHT_RATE * waited:
                self._overdue.add(blob.digest)
                return
        if self._awaited[blob.digest] >= _FLIGHTS_AWAITED:
            self._overdue.add(blob.digest)


class _InMemory:
    def __init__(self, content: bytes, host: str) -> None:
        self._content = content
        self._host = host

    def open_blob(self, digest: str, offset: int = 0) -> ByteStream:
        return MemoryStream(self._content, offset, self._host)

    def blob_failed(self, digest: str, *, lied: bool = False) -> None:
        """Memory does not fail."""
