"""Several places for the same content: an operator's mirrors in order, the registry itself last, or never.

What one place cannot give, the next is asked for. Content is named by its digest, so it does not matter who
sends it; only a tag is a place's own word, and the first that knows it counts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

from oci.cancel import CancelToken
from oci.errors import Note, OciError
from oci.expiring import ExpiringSet
from oci.registry.blobs import BlobStream, ByteStream, Span
from oci.registry.faults import IMAGE_NOT_FOUND, RetryableError
from oci.registry.listing import TagFacts
from oci.registry.manifests import ManifestHead
from oci.registry.rate_limit import RateLimit
from oci.registry.repository import Repository
from oci.spec.manifest import Descriptor, Manifest

T = TypeVar("T")

#: A mirror makes fewer tries than a registry: the next place is at hand.
MIRROR_TRIES: Final = 2
#: A mirror that could not be reached is left alone for this long.
_REST_SECONDS: Final = 60.0
#: Faults that say something about the whole place and not about what was asked for.
_DOWN: Final = frozenset(
    {"unreachable", "proxy_error", "tls_error", "blocked_address", "stalled", "rate_limited"}
)


class MirroredSource:
    """:class:`oci.registry.source.Source` over a repository at several registries. Thread-safe.

    :param places: in the order to ask; their clients are made with ``tries=MIRROR_TRIES`` except the last. A person's
        credential belongs only to the registry itself.
    :param passed_over: told of each fault that ended nothing: the way to the place that had it, as of
        :attr:`RegistryClient.via`, and the fault; by any thread.
    :raises ValueError: there are none.
    """

    def __init__(
        self,
        places: Sequence[Repository],
        passed_over: Callable[[str, OciError], None] = lambda _via, _error: None,
    ) -> None:
        if not places:
            raise ValueError("a mirrored source needs a place to ask")
        self._places = list(places)
        self._passed_over = passed_over
        self._lock = threading.Lock()
        self._resting = ExpiringSet[int](_REST_SECONDS)
        self._faults: dict[int, OciError] = {}
        self._skipped: dict[str, int] = {}
        #: A mirror gave a manifest of the image: the registry itself may be out of reach for good.
        self._mirrored = False
        #: The first that knew the image.
        self._served: Repository | None = None
        #: Why the registry itself was not heard, where mirrors said that something is not there.
        self.unheard: OciError | None = None

    @property
    def host(self) -> str:
        return self._places[-1].host

    @property
    def via(self) -> str:
        """See :attr:`RegistryClient.via`; of the place that knew the image, empty before."""
        return self._served.via if self._served is not None else ""

    @property
    def last_via(self) -> str:
        return self._places[-1].via

    def behind(self) -> Repository | None:
        """The registry itself, for questions that end alone; None where it knew the image, is never asked, or is out
        of reach.
        """
        last = self._places[-1]
        if self._served in (None, last) or last.client.is_mirror or id(last) in self._resting:
            return None
        return Repository(last.client.beside(), last.name)

    @property
    def notes(self) -> list[Note]:
        return self._places[-1].notes

    def note(self, note: Note) -> None:
        self._places[-1].note(note)

    @property
    def rate_limit(self) -> RateLimit | None:
        """The limit of the last place: mirrors are the operator's own."""
        return self._places[-1].rate_limit

    def ping(self) -> None:
        """Reach at least one place."""
        self._first(_pinged, needed=True)

    def head_manifest(self, reference: str) -> ManifestHead | None:
        return self._manifest(lambda place: place.head_manifest(reference))

    def find_manifest(self, reference: str) -> Manifest | None:
        return self._manifest(lambda place: place.find_manifest(reference))

    def get_manifest(self, reference: str) -> Manifest:
        found = self._manifest(lambda place: place.get_manifest(reference), needed=True)
        return self._needed(found, reference)

    def head_blob(self, digest: str) -> int | None:
        return self._first(lambda place: place.head_blob(digest))

    def read_blob(self, digest: str, size: int) -> bytes:
        return self._needed(self._first(lambda place: place.read_blob(digest, size), needed=True), digest)

    @property
    def may_keep_referrers_by_tag(self) -> bool:
        """Each place is asked in its own way."""
        return False

    def referrers_by_api(self, digest: str) -> tuple[Descriptor, ...]:
        """By the API or by tag, as each place keeps them."""
        return self._first(lambda place: place.referrers(digest) or None) or ()

    def referrers_by_tag(self, digest: str) -> tuple[Descriptor, ...]:
        return self.referrers_by_api(digest)

    def open_ahead(self, most: int) -> None:
        """To the place that is asked first."""
        self._places[0].open_ahead(most)

    def list_tags(self, facts: dict[str, TagFacts] | None = None) -> Iterator[str]:
        found = self._first(lambda place: list(place.list_tags(facts)), needed=True)
        return iter(self._needed(found, self._places[-1].name))

    def open_blob(self, digest: str, offset: int = 0) -> ByteStream:
        """One try at each place, beginning with the first that has not failed for this blob."""
        return self._open(digest, lambda place: place.open_blob(digest, offset))

    def open_range(self, digest: str, span: Span, cancel: CancelToken) -> BlobStream:
        """As :meth:`open_blob`, for a part: the first place that may give it decides whether there are ranges."""
        return self._open(digest, lambda place: place.open_range(digest, span, cancel))

    def _open(self, digest: str, begin: Callable[[Repository], T]) -> T:
        with self._lock:
            skip = min(self._skipped.get(digest, 0), len(self._places) - 1)
        for place in self._places[skip:-1]:
            if id(place) in self._resting:
                continue
            try:
                return begin(place)
            except (RetryableError, OciError) as error:
                self._note_down(place, error.error if isinstance(error, RetryableError) else error)
        return begin(self._places[-1])

    def blob_failed(self, digest: str, *, lied: bool = False) -> None:
        with self._lock:
            self._skipped[digest] = self._skipped.get(digest, 0) + 1

    def close(self) -> None:
        for place in self._places:
            place.close()

    def _manifest(self, ask: Callable[[Repository], T | None], *, needed: bool = False) -> T | None:
        """As :meth:`_first`, for a manifest: remembers where the image comes from."""

        def noting(place: Repository) -> T | None:
            found = ask(place)
            if found is not None:
                self._mirrored = self._mirrored or place is not self._places[-1]
                self._served = self._served or place
            return found

        return self._first(noting, needed=needed)

    def _needed(self, found: T | None, what: str) -> T:
        if found is None:
            raise OciError("not_found", IMAGE_NOT_FOUND, host=self.host, what=what)
        return found

    def _first(self, ask: Callable[[Repository], T | None], *, needed: bool = False) -> T | None:
        """The first answer; a fault of the last place is the one that is raised.

        :param needed: the image is not whole without it. For the rest (signatures, say) a mirror's word that it has
            none is enough when the image comes from mirrors and the registry itself is out of reach.
        """
        denied = False
        for place in self._places:
            last = place is self._places[-1]
            enough = denied and self._mirrored and not needed
            if id(place) in self._resting and (enough or not last):
                if last:
                    self.unheard = self.unheard or self._faults[id(place)]
                continue
            try:
                found = ask(place)
            except OciError as error:
                if last and not (enough and error.code in _DOWN):
                    raise
                self._note_down(place, error)
                if last:
                    self.unheard = self.unheard or error
                continue
            if found is not None:
                return found
            denied = True
        return None

    def _note_down(self, place: Repository, error: OciError) -> None:
        self._passed_over(place.via, error)
        if error.code in _DOWN:
            self._faults[id(place)] = error
            self._resting.add(id(place))


def _pinged(place: Repository) -> bool:
    place.ping()
    return True
