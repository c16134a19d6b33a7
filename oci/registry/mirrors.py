"""Several places for the same content: an operator's mirrors in order, the registry itself last, or never.

What one place cannot give, the next is asked for. Content is named by its digest, so it does not matter who
sends it; only a tag is a place's own word, and the first that knows it counts.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

from oci.errors import Note, OciError
from oci.registry.blobs import ByteStream
from oci.registry.client import RegistryClient
from oci.registry.faults import IMAGE_NOT_FOUND, RetryableError
from oci.registry.manifests import ManifestHead
from oci.registry.rate_limit import RateLimit
from oci.spec.manifest import Descriptor, Manifest

T = TypeVar("T")

#: A mirror makes fewer tries than a registry: the next place is at hand.
MIRROR_TRIES: Final = 2
#: A mirror that could not be reached is left alone for so long.
_REST_SECONDS: Final = 60.0
#: Faults that say something about the whole place and not about what was asked for.
_DOWN: Final = frozenset({"unreachable", "tls_error", "blocked_address", "stalled", "rate_limited"})


class MirroredSource:
    """:class:`oci.registry.source.Source` over several clients. Thread-safe.

    :param clients: in the order to ask; made with ``tries=MIRROR_TRIES`` except the last. A person's
        credential belongs only to the registry's own client.
    :raises ValueError: there are none.
    """

    def __init__(self, clients: Sequence[RegistryClient]) -> None:
        if not clients:
            raise ValueError("a mirrored source needs a place to ask")
        self._clients = list(clients)
        self._lock = threading.Lock()
        self._resting: dict[int, float] = {}
        self._skipped: dict[str, int] = {}
        #: A mirror gave a manifest of the image: the registry itself may be out of reach for good.
        self._mirrored = False

    @property
    def host(self) -> str:
        return self._clients[-1].host

    @property
    def notes(self) -> list[Note]:
        return self._clients[-1].notes

    def note(self, note: Note) -> None:
        self._clients[-1].note(note)

    @property
    def rate_limit(self) -> RateLimit | None:
        """Of the last place: mirrors are the operator's own."""
        return self._clients[-1].rate_limit

    def ping(self) -> None:
        """Reach at least one place."""
        self._first(_pinged, "/v2/")

    def head_manifest(self, repository: str, wanted: str) -> ManifestHead | None:
        return self._first_or_none(self._noting(lambda client: client.head_manifest(repository, wanted)))

    def find_manifest(self, repository: str, wanted: str) -> Manifest | None:
        return self._first_or_none(self._noting(lambda client: client.find_manifest(repository, wanted)))

    def get_manifest(self, repository: str, wanted: str) -> Manifest:
        return self._first(self._noting(lambda client: client.get_manifest(repository, wanted)), wanted)

    def head_blob(self, repository: str, digest: str) -> int | None:
        return self._first_or_none(lambda client: client.head_blob(repository, digest))

    def read_blob(self, repository: str, digest: str, size: int) -> bytes:
        return self._first(lambda client: client.read_blob(repository, digest, size), digest)

    def referrers(self, repository: str, digest: str) -> tuple[Descriptor, ...]:
        found = self._first_or_none(lambda client: client.referrers(repository, digest) or None)
        return found or ()

    def list_tags(self, repository: str) -> Iterator[str]:
        return iter(self._first(lambda client: list(client.list_tags(repository)), repository))

    def open_blob(self, repository: str, digest: str, offset: int = 0) -> ByteStream:
        """One try at each place, beginning with the first that has not failed for this blob."""
        with self._lock:
            skip = min(self._skipped.get(digest, 0), len(self._clients) - 1)
        for client in self._clients[skip:-1]:
            if self._is_resting(client):
                continue
            try:
                return client.open_blob(repository, digest, offset)
            except (RetryableError, OciError) as error:
                self._note_down(client, error.error if isinstance(error, RetryableError) else error)
        return self._clients[-1].open_blob(repository, digest, offset)

    def blob_failed(self, digest: str) -> None:
        with self._lock:
            self._skipped[digest] = self._skipped.get(digest, 0) + 1

    def close(self) -> None:
        for client in self._clients:
            client.close()

    def _noting(self, ask: Callable[[RegistryClient], T]) -> Callable[[RegistryClient], T]:
        """``ask`` for a manifest, remembering whether a mirror gave one."""

        def noting(client: RegistryClient) -> T:
            found = ask(client)
            if found is not None and client is not self._clients[-1]:
                self._mirrored = True
            return found

        return noting

    def _first(self, ask: Callable[[RegistryClient], T], what: str) -> T:
        found = self._first_or_none(ask, needed=True)
        if found is None:
            raise OciError("not_found", IMAGE_NOT_FOUND, host=self.host, what=what)
        return found

    def _first_or_none(self, ask: Callable[[RegistryClient], T | None], *, needed: bool = False) -> T | None:
        """The first answer; a fault of the last place is the one that is raised.

        :param needed: the image is not whole without it. For the rest (signatures, say) a mirror's word that it has
            none is enough when the image comes from mirrors and the registry itself is out of reach.
        """
        denied = False
        for client in self._clients:
            last = client is self._clients[-1]
            enough = denied and self._mirrored and not needed
            if self._is_resting(client) and (enough or not last):
                continue
            try:
                found = ask(client)
            except OciError as error:
                if last and not (enough and error.code in _DOWN):
                    raise
                self._note_down(client, error)
                continue
            if found is not None:
                return found
            denied = True
        return None

    def _is_resting(self, client: RegistryClient) -> bool:
        with self._lock:
            return self._resting.get(id(client), 0.0) > time.monotonic()

    def _note_down(self, client: RegistryClient, error: OciError) -> None:
        if error.code in _DOWN:
            with self._lock:
                self._resting[id(client)] = time.monotonic() + _REST_SECONDS


def _pinged(client: RegistryClient) -> bool:
    client.ping()
    return True
