"""One repository at one registry: manifests, blobs, uploads, tags, referrers. What the copy and the portal talk to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from oci.cancel import CancelToken
from oci.errors import Note, OciError
from oci.limits import TAG_CHARS
from oci.registry import blobs, listing, manifests, uploads
from oci.registry.client import RegistryClient
from oci.registry.faults import IMAGE_NOT_FOUND
from oci.registry.listing import TagFacts
from oci.registry.manifests import ManifestHead
from oci.registry.rate_limit import RateLimit
from oci.spec.digest import parse_digest
from oci.spec.manifest import Descriptor, Manifest

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Repository:
    """Thread-safe. Every method makes up to five tries within the client's budget where it does not say otherwise,
    and raises :class:`~oci.errors.OciError`.

    :param name: ``library/nginx``.
    """

    client: RegistryClient
    name: str

    @property
    def path(self) -> str:
        """Its name at the registry: a mirror may hold it under a prefix."""
        return self.client.prefix + self.name

    @property
    def scopes(self) -> tuple[str, ...]:
        actions = "pull,push" if self.client.role == "target" else "pull"
        return (f"repository:{self.path}:{actions}",)

    def sibling(self, name: str) -> Repository:
        """Another repository of the same registry."""
        return Repository(self.client, name)

    @property
    def host(self) -> str:
        """The registry's host for messages."""
        return self.client.host

    @property
    def via(self) -> str:
        """As :attr:`RegistryClient.via`."""
        return self.client.via

    @property
    def last_via(self) -> str:
        """As :attr:`via`: this is the only place."""
        return self.client.via

    def behind(self) -> Repository | None:
        """The registry itself, where a mirror answered for it. This is the only place."""
        return None

    @property
    def notes(self) -> list[Note]:
        """As :attr:`RegistryClient.notes`."""
        return self.client.notes

    def note(self, note: Note) -> None:
        """Add to :attr:`notes`."""
        self.client.note(note)

    @property
    def unheard(self) -> OciError | None:
        """None: a fault is raised."""
        return None

    @property
    def rate_limit(self) -> RateLimit | None:
        """As :attr:`RegistryClient.rate_limit`."""
        return self.client.rate_limit

    def ping(self) -> None:
        """As :meth:`RegistryClient.ping`."""
        self.client.ping()

    def close(self) -> None:
        """Close the client."""
        self.client.close()

    def open_ahead(self, most: int) -> None:
        """As :meth:`RegistryClient.open_ahead`."""
        self.client.open_ahead(most)

    def once(self, operation: Callable[..., T], *arguments: object) -> T:
        """One try of an operation of :mod:`blobs`, :mod:`manifests` or :mod:`uploads`.

        :raises RetryableError: another try may help.
        """
        return operation(self.client.session, self.path, *arguments, scopes=self.scopes)

    def _run(self, operation: Callable[..., T], *arguments: object) -> T:
        return self.client.retrier.run(lambda: self.once(operation, *arguments))

    # --- manifests ---------------------------------------------------------------------------------------

    def head_manifest(self, reference: str) -> ManifestHead | None:
        """Ask what ``reference`` (tag or digest) is, without fetching it; None when it is not there.

        A registry that does not answer HEAD gives an empty :class:`ManifestHead`.
        """
        return self._run(manifests.head, reference)

    def find_manifest(self, reference: str) -> Manifest | None:
        """Fetch and check a manifest; None when it is not there."""
        return self._run(manifests.find, reference)

    def get_manifest(self, reference: str) -> Manifest:
        """As :meth:`find_manifest`.

        :raises OciError: ``not_found``, ``digest_mismatch``, ``unsupported_manifest``, ``limit_exceeded``, …
        """
        found = self.find_manifest(reference)
        if found is None:
            code = "not_found" if self.client.role == "source" else "target_error"
            what = manifests.called(self.name, reference)
            raise OciError(code, IMAGE_NOT_FOUND, host=self.host, what=what)
        return found

    def shows_manifest(self, reference: str, body: bytes) -> bool:
        """Whether ``reference`` is exactly this manifest, byte by byte."""
        return self._run(manifests.shows, reference, body)

    def put_manifest(
        self, reference: str, manifest: Manifest, *, before_retry: Callable[[], None] | None = None
    ) -> bool:
        """Store a manifest under a digest or tag, and check what the registry makes of it.

        :param before_retry: as of :meth:`oci.registry.retry.Retrier.run`.
        :return: whether the registry keeps referrers by itself.
        :raises RegistryError: with the registry's codes, where it refuses.
        """
        return self.client.retrier.run(
            lambda: self.once(manifests.put, reference, manifest), before_retry=before_retry
        )

    def delete_manifest(self, reference: str) -> bool:
        """Delete by digest, and every tag of it goes too; or one tag alone, where the registry can (Distribution 2
        answers 400 or 405). False when it was not there.

        :raises OciError: also where the registry does not allow deletes.
        """
        scopes = (f"repository:{self.path}:delete,pull,push",)
        session = self.client.session
        return self.client.retrier.run(lambda: manifests.delete(session, self.path, reference, scopes=scopes))

    # --- lists -------------------------------------------------------------------------------------------

    def list_tags(self, facts: dict[str, TagFacts] | None = None) -> Iterator[str]:
        """All tags, page by page; none where the repository does not exist.

        :param facts: gets what the list tells of them besides.
        """
        pages = listing.all_pages(
            self.client.session,
            self.client.retrier,
            f"/v2/{self.path}/tags/list",
            "tags",
            scopes=self.scopes,
            what=self.path,
        )
        for page in pages:
            if facts is not None:
                facts |= {name: page.facts[name] for name in page.names if name in page.facts}
            yield from page.names

    @property
    def has_referrers_api(self) -> bool | None:
        """As :attr:`RegistryClient.has_referrers_api`."""
        return self.client.has_referrers_api

    @property
    def may_keep_referrers_by_tag(self) -> bool:
        """Whether the tag that stands in for the referrers API may have to be asked for."""
        return self.client.has_referrers_api is not True

    def referrers(self, digest: str) -> tuple[Descriptor, ...]:
        """What refers to a manifest: by the referrers API, else by the tag that stands in for it."""
        found = self.referrers_by_api(digest)
        if found is not None:
            return found
        if self.client.role == "source" and self.head_manifest(referrers_tag(digest)) is None:
            return ()  # Asked for every image, there for few: a HEAD is free where a GET counts as a pull.
        return self.referrers_by_tag(digest)

    def referrers_by_api(self, digest: str) -> tuple[Descriptor, ...] | None:
        """None where the registry has no such API."""
        client = self.client
        if client.has_referrers_api is None and client.session.endpoint.base.origin in listing.LACKING:
            client.has_referrers_api = False
        if client.has_referrers_api is False:
            return None
        path = f"/v2/{self.path}/referrers/{digest}"
        found = listing.all_referrers(client.session, client.retrier, path, scopes=self.scopes, what=digest)
        client.has_referrers_api = found is not None
        return found

    def referrers_by_tag(self, digest: str) -> tuple[Descriptor, ...]:
        """What stands under the tag that stands in for the API."""
        index = self.find_manifest(referrers_tag(digest))
        if index is None or not index.is_index:
            return ()
        if self.client.role == "source":
            self.client.session.documents.reserve(index.cost)
        return index.manifests

    # --- blobs -------------------------------------------------------------------------------------------

    def head_blob(self, digest: str) -> int | None:
        """Size of a blob (-1 unsaid), None when it is not in this repository."""
        return self._run(blobs.head_blob, digest)

    def is_intact(self, digest: str, size: int) -> bool:
        """Whether a blob can be read to its last byte, as far as one request tells."""
        return self._run(blobs.is_intact, digest, size)

    def read_blob(self, digest: str, size: int) -> bytes:
        """A small blob (a configuration), its digest checked."""
        return self._run(blobs.read_blob, digest, size)

    def open_blob(self, digest: str, offset: int = 0) -> blobs.ByteStream:
        """Begin to read a blob. One try: :mod:`oci.copy.blob_transfer` resumes by itself.

        :raises RetryableError:
        """
        return self.once(blobs.open_blob, digest, offset)

    def open_range(self, digest: str, span: blobs.Span, cancel: CancelToken) -> blobs.BlobStream:
        """Begin to read a part of a blob. One try, that ``cancel`` can end alone.

        :raises NoRangesError: another answer than that part came.
        :raises RetryableError:
        """
        return self.once(blobs.open_range, digest, span, cancel)

    def blob_failed(self, digest: str, *, lied: bool = False) -> None:
        """A stream of :meth:`open_blob` broke or lied. There is only one place to ask again: here."""

    @property
    def mounts_as_told(self) -> bool:
        """Whether the registry is known to mount from the repository that it is told and from no other. One that looks
        for a blob by itself could give away another project's.
        """
        return self.client.session.endpoint.base.origin in uploads.DISTRIBUTIONS

    def mount_blob(self, digest: str, other: Repository) -> uploads.Upload | None:
        """Make a blob of another repository of the registry visible here; None once it is, else the session that the
        registry begins instead.
        """
        scopes = (*self.scopes, f"repository:{other.path}:pull")
        session = self.client.session
        return self.client.retrier.run(
            lambda: uploads.mount_blob(session, self.path, digest, other.path, scopes=scopes)
        )


def referrers_tag(digest: str) -> str:
    """The tag that stands in for the referrers API: ``sha256-<hex>``."""
    algorithm, digits = parse_digest(digest)
    return f"{algorithm}-{digits}"[:TAG_CHARS]
