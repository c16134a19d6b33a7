"""Every blob up the ladder: is it at the target, can it be mounted, does another import move it, else stream
it.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, Literal

from oci.cancel import CancelToken
from oci.copy.blob_transfer import Transfer
from oci.copy.observer import BlobFlights, CopyObserver, Flight, LayerState, MountProof
from oci.copy.worker_pool import WorkerPool
from oci.errors import Canceled, gettext_noop
from oci.registry import uploads
from oci.registry.blobs import ByteStream, MemoryStream
from oci.registry.client import RegistryClient
from oci.registry.source import OpensBlobs
from oci.spec.manifest import Descriptor

#: A wait for another import looks so often whether this one was canceled.
_FLIGHT_LOOK_SECONDS: Final = 0.5
#: Bytes a second that the other import has to move on average to be waited for longer than the stall time. A line that
#: is slower is filled twice by who goes ahead; one that drips holds nobody.
_FLIGHT_RATE: Final = 256 * 1024
#: So many transfers of one blob are waited for, if they fail one after the other.
_FLIGHTS_AWAITED: Final = 3


class Stopped(Exception):
    """Another blob of the image failed; its error is the one that counts."""


class BlobCopier:
    """Brings blobs to one repository. Used for one image, from several threads.

    :param has_at_source: whether the source, asked with this import's rights, has a blob.
    :param flight_scope: which imports may wait for each other: those that read the same content by the same right.
    """

    def __init__(
        self,
        *,
        source: OpensBlobs,
        source_repository: str,
        has_at_source: Callable[[str], bool],
        target: RegistryClient,
        target_repository: str,
        observer: CopyObserver,
        cancel: CancelToken,
        flights: BlobFlights,
        flight_scope: str,
        mounts: MountProof,
        workers: WorkerPool,
        stall_seconds: float,
    ) -> None:
        self._source = source
        self._source_repository = source_repository
        self._has_at_source = has_at_source
        self._target = target
        self._repository = target_repository
        self._observer = observer
        self._cancel = cancel
        self._flights = flights
        self._flight_scope = flight_scope
        self._mounts = mounts
        self._workers = workers
        self._stall_seconds = stall_seconds
        self._failed = threading.Event()
        #: Blobs whose other import took too long: moved without waiting any more.
        self._overdue: set[str] = set()
        self._awaited: Counter[str] = Counter()
        #: Blobs that the target, asked a moment ago, did not have.
        self.missing: set[str] = set()
        #: Blobs that are in memory already.
        self.contents: dict[str, bytes] = {}

    def bring(self, blobs: Iterable[Descriptor], *, anew: bool = False) -> None:
        """Until the target has all of them.

        :param anew: upload even what the target says it has: it lost it.
        :raises OciError: the first failure; what is under way then stops. :raises Canceled:
        """
        todo = sorted(blobs, key=lambda blob: -blob.size)
        if not anew:
            self._mounts.look_ahead([blob.digest for blob in todo])
        while todo:
            self._failed.clear()
            futures = self._workers.all(partial(self._bring_one, anew=anew), todo, failed=self._failed.set)
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
        self.bring(blobs, anew=True)

    def _stop(self) -> None:
        self._cancel.check()
        if self._failed.is_set():
            raise Stopped

    def _tell(self, blob: Descriptor, state: LayerState, done: int) -> None:
        self._observer.layer(blob.digest, state, done)

    def _bring_one(self, blob: Descriptor, *, anew: bool) -> bool:
        """False when another import moves it: to be looked at again later."""
        self._stop()
        try:
            if anew:
                self._stream(blob, None, lambda _done: None)
                return True
            return self._climb(blob)
        except (Canceled, Stopped):
            raise
        except BaseException:
            self._tell(blob, "failed", 0)
            raise

    def _climb(self, blob: Descriptor) -> bool:
        if blob.digest in self.missing:
            self.missing.discard(blob.digest)  # True once: another import may bring it.
        elif self._is_here(blob):
            self._arrived(blob, "exists")
            return True
        flight = self._flights.begin(self._flight_of(blob))
        if flight is None and blob.digest not in self._overdue:
            return False
        try:
            self._fetch(blob, flight)
        except BaseException:
            if flight is not None:
                flight.end(False)
            raise
        return True

    def _flight_of(self, blob: Descriptor) -> str:
        return f"{self._target.host}/{self._flight_scope}/{blob.digest}"

    def _is_here(self, blob: Descriptor) -> bool:
        return self._target.head_blob(self._repository, blob.digest) in (blob.size, -1)

    def _arrived(self, blob: Descriptor, state: LayerState) -> None:
        """Without a byte of it moved by us."""
        self._tell(blob, state, blob.size)
        self._observer.reused(blob.size)

    def _fetch(self, blob: Descriptor, flight: Flight | None) -> None:
        """Mount or stream. Asked for only with the right to move it: what another import brought between our look
        and our turn is seen now. The flight ends once others can find the blob.
        """

        def land() -> None:
            if flight is not None:
                flight.end(True)

        upload = self._mount(blob, anew=flight is None or flight.news)
        if upload == "exists":
            self._arrived(blob, "exists")
            land()
            return
        if isinstance(upload, uploads.Mounted):
            self._arrived(blob, "mounted")
        else:
            self._stream(blob, upload, flight.progress if flight else lambda _done: None)
        self._mounts.copied(blob.digest, blob.size, land)

    def _mount(
        self, blob: Descriptor, *, anew: bool
    ) -> uploads.Mounted | uploads.Upload | Literal["exists"] | None:
        """Mounted, or there by now; or the session that a registry begins instead; or nothing to mount from."""
        left: uploads.Upload | None = None
        for candidate in self._mounts.candidates(blob.digest, anew=anew):
            if candidate.repository == self._repository:
                if self._is_here(blob):
                    self._drop(left)
                    return "exists"
                continue
            if candidate.needs_source_check and not self._has_at_source(blob.digest):
                continue
            self._drop(left)
            scopes = self._target.scopes(self._repository, f"repository:{candidate.repository}:pull")
            left = None
            start = partial(
                uploads.start_upload,
                self._target.session,
                self._repository,
                blob.digest,
                scopes=scopes,
                mount_from=candidate.repository,
            )
            started = self._target.retrier.run(start)
            if isinstance(started, uploads.Mounted):
                return started
            left = started
        return left

    def _drop(self, upload: uploads.Upload | None) -> None:
        if upload is not None:
            upload.delete()

    def _stream(
        self, blob: Descriptor, upload: uploads.Upload | None, on_progress: Callable[[int], None]
    ) -> None:
        def on_bytes(done: int) -> None:
            self._tell(blob, "copying", done)
            on_progress(done)

        content = self.contents.get(blob.digest, blob.data)
        source = self._source if content is None else _InMemory(content, self._target.host)
        Transfer(
            blob=blob,
            source=source,
            source_repository=self._source_repository,
            target=self._target.session,
            target_repository=self._repository,
            target_scopes=self._target.scopes(self._repository),
            open_uploads=self._target.open_uploads,
            retrier=self._target.retrier,
            on_bytes=on_bytes,
            stop=self._stop,
        ).run(upload)
        self._tell(blob, "done", blob.size)

    def _wait_for_other(self, blob: Descriptor) -> None:
        """Until the other import's transfer ended: for the stall time, and longer only while it is quick.

        Its bytes count up to the size that this import's own manifest names, so the wait is bounded by that.
        """
        template = gettext_noop("Another import is moving %(digest)s; waiting for it.")
        self._observer.waiting(template, {"digest": blob.digest}, None)
        self._awaited[blob.digest] += 1
        began, first, seen = time.monotonic(), -1, -1

        def on_progress(done: int) -> None:
            nonlocal first, seen
            done = min(done, blob.size)
            first = done if first < 0 else min(first, done)
            if done != seen:
                seen = done
                self._tell(blob, "waiting", done)

        while not self._flights.wait(self._flight_of(blob), _FLIGHT_LOOK_SECONDS, on_progress):
            self._cancel.check()
            waited = time.monotonic() - began
            if waited > self._stall_seconds and seen - first < _FLIGHT_RATE * waited:
                self._overdue.add(blob.digest)
                return
        if self._awaited[blob.digest] >= _FLIGHTS_AWAITED:
            self._overdue.add(blob.digest)


class _InMemory:
    def __init__(self, content: bytes, host: str) -> None:
        self._content = content
        self._host = host

    def open_blob(self, repository: str, digest: str, offset: int = 0) -> ByteStream:
        return MemoryStream(self._content, offset, self._host)

    def blob_failed(self, digest: str) -> None:
        """Memory does not fail."""
