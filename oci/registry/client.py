"""One registry: manifests, blobs, uploads, tags, referrers. What the rest of the engine and the portal talk
to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TypeVar

from oci.cancel import CancelToken
from oci.egress.door import Door, split_host_port
from oci.errors import Note, OciError, gettext_noop
from oci.http.pool import IdleConnections
from oci.http.transport import Transport
from oci.limits import CONNECT_SECONDS, HEADERS_SECONDS, STALL_SECONDS, TAG_CHARS
from oci.memory import MemoryBudget
from oci.reference.parser import connect_host, normalise_registry
from oci.registry import blobs, listing, manifests, uploads
from oci.registry.authenticator import SignIn
from oci.registry.credentials import Credential, TokenProvider
from oci.registry.endpoint import USER_AGENT, Endpoint
from oci.registry.faults import IMAGE_NOT_FOUND, Role
from oci.registry.manifests import ManifestHead
from oci.registry.rate_limit import LocalRateLimits, RateLimit, RateLimitStore
from oci.registry.retry import OnWait, Retrier, RetryBudget, no_wait_shown
from oci.registry.session import Session
from oci.spec.digest import parse_digest
from oci.spec.manifest import Descriptor, Manifest
from oci.urls import DEFAULT_PORTS, Url, parse_url

T = TypeVar("T")


class RegistryClient:
    """Thread-safe. Every method makes up to five tries within the budget, and raises
    :class:`~oci.errors.OciError`.

    :param registry: as in a reference (``docker.io``, ``ghcr.io``, ``registry.example.com:5000``).
    :param base_url: where it answers, if the name does not say: the portal's own registry, a mirror.
    :param role: ``target`` asks for push scopes and reports faults as ``target_error``.
    :param credential: must be for this registry.
    :param token_provider: makes bearer tokens itself, instead of any token server.
    :param budget: shared by all clients of one import attempt.
    :param documents: counts what manifests and lists take in memory; shared in the same way.
    :param idle: of the same door; takes the connections over, for the clients that come after this one.
    :param on_wait: told of every pause; called from the thread that waits.
    :param on_retry: called once for every try after a failed one.
    """

    def __init__(
        self,
        *,
        registry: str,
        door: Door,
        role: Role = "source",
        base_url: str | None = None,
        credential: Credential | None = None,
        token_provider: TokenProvider | None = None,
        trusted_realms: Iterable[str] = (),
        user_agent: str = USER_AGENT,
        budget: RetryBudget | None = None,
        tries: int | None = None,
        stall_seconds: float = STALL_SECONDS,
        headers_seconds: float = HEADERS_SECONDS,
        connect_seconds: float = CONNECT_SECONDS,
        on_wait: OnWait = no_wait_shown,
        on_retry: Callable[[], None] = lambda: None,
        rate_limits: RateLimitStore | None = None,
        cancel: CancelToken | None = None,
        documents: MemoryBudget | None = None,
        idle: IdleConnections | None = None,
    ) -> None:
        self.registry = normalise_registry(registry)
        self.role = role
        self.cancel = cancel or CancelToken()
        if credential is not None and connect_host(credential.host) != connect_host(registry):
            template = gettext_noop("The sign-in is for %(host)s and is not used at %(other)s.")
            raise OciError("unauthorized", template, host=credential.host, other=registry)
        self._transport = Transport(
            door=door,
            cancel=self.cancel,
            stall_seconds=stall_seconds,
            headers_seconds=headers_seconds,
            connect_seconds=connect_seconds,
            idle=idle,
        )
        base, self._prefix = _base(registry, base_url, door)
        endpoint = Endpoint(base, role=role, transport=self._transport, user_agent=user_agent)
        sign_in = SignIn(
            endpoint, credential=credential, token_provider=token_provider, trusted_realms=trusted_realms
        )
        self.session = Session(
            endpoint,
            sign_in,
            registry=self.registry,
            rate_limits=rate_limits or LocalRateLimits(),
            cancel=self.cancel,
            on_wait=on_wait,
            documents=documents,
        )
        self.retrier = Retrier(
            budget=budget or RetryBudget(),
            cancel=self.cancel,
            on_wait=on_wait,
            on_retry=on_retry,
            tries=tries,
        )
        self.open_uploads = uploads.OpenUploads()
        #: Probed by the first question; None before.
        self.has_referrers_api: bool | None = None
        self._detach: Callable[[], RegistryClient] = lambda: RegistryClient(
            registry=registry,
            door=door,
            role=role,
            base_url=base_url,
            credential=credential,
            token_provider=token_provider,
            trusted_realms=trusted_realms,
            user_agent=user_agent,
            tries=1,
            stall_seconds=5.0,
            headers_seconds=5.0,
            connect_seconds=5.0,
        )

    @property
    def host(self) -> str:
        """The host for messages."""
        return self.session.endpoint.host

    @property
    def notes(self) -> list[Note]:
        """Sentences of the registry and about it that people should see (``Warning`` headers, …)."""
        return self.session.endpoint.notes

    def note(self, note: Note) -> None:
        """Add to :attr:`notes`."""
        self.session.endpoint.note(note)

    @property
    def rate_limit(self) -> RateLimit | None:
        """What the registry last said about our quota."""
        return self.session.rate_limit

    def detached(self) -> RegistryClient:
        """The same without the cancel token and with short time-outs: for cleaning up after a cancel."""
        return self._detach()

    def close(self) -> None:
        self._transport.close()

    def name(self, repository: str) -> str:
        """The repository's name at this registry: a mirror may hold it under a prefix."""
        return self._prefix + repository

    def scopes(self, repository: str, *more: str) -> tuple[str, ...]:
        actions = "pull,push" if self.role == "target" else "pull"
        return (f"repository:{self.name(repository)}:{actions}", *more)

    def ping(self) -> None:
        """Reach the registry and learn how it wants us to sign in; whether that works shows the first
        request.
        """
        self.retrier.run(self.session.greet)

    # --- manifests ---------------------------------------------------------------------------------------

    def head_manifest(self, repository: str, wanted: str) -> ManifestHead | None:
        """Ask what ``wanted`` (tag or digest) is, without fetching it; None when it is not there.

        A registry that does not answer HEAD gives an empty :class:`ManifestHead`.
        """
        return self._run(manifests.head, repository, wanted)

    def find_manifest(self, repository: str, wanted: str) -> Manifest | None:
        """Fetch and check a manifest; None when it is not there."""
        return self._run(manifests.find, repository, wanted)

    def get_manifest(self, repository: str, wanted: str) -> Manifest:
        """As :meth:`find_manifest`.

        :raises OciError: ``not_found``, ``digest_mismatch``, ``unsupported_manifest``, ``limit_exceeded``, …
        """
        found = self.find_manifest(repository, wanted)
        if found is None:
            code = "not_found" if self.role == "source" else "target_error"
            what = manifests.called(repository, wanted)
            raise OciError(code, IMAGE_NOT_FOUND, host=self.host, what=what)
        return found

    def shows_manifest(self, repository: str, wanted: str, body: bytes) -> bool:
        """Whether ``wanted`` is exactly this manifest, byte by byte."""
        return self._run(manifests.shows, repository, wanted, body)

    def put_manifest(self, repository: str, wanted: str, manifest: Manifest) -> bool:
        """Store a manifest under a digest or tag, and check what the registry makes of it.

        :return: whether the registry keeps referrers by itself.
        :raises Answered: with the registry's codes, where it refuses.
        """
        return self._run(manifests.put, repository, wanted, manifest)

    def delete_manifest(self, repository: str, digest: str) -> bool:
        """Delete by digest; every tag of it goes too. False when it was not there.

        :raises OciError: also where the registry does not allow deletes.
        """
        name = self.name(repository)
        scopes = (f"repository:{name}:delete,pull,push",)
        return self.retrier.run(partial(manifests.delete, self.session, name, digest, scopes=scopes))

    def delete_tag(self, repository: str, tag: str) -> bool:
        """Delete one tag and leave the manifest, where the registry can; Distribution 2 answers 400 or 405."""
        return self.delete_manifest(repository, tag)

    # --- lists -------------------------------------------------------------------------------------------

    def list_tags(self, repository: str) -> Iterator[str]:
        """All tags, page by page; none where the repository does not exist."""
        name = self.name(repository)
        return listing.all_names(
            self.session,
            self.retrier,
            f"/v2/{name}/tags/list",
            "tags",
            scopes=self.scopes(repository),
            what=name,
        )

    def catalog(self) -> Iterator[str]:
        """All repositories, where the registry lets us see them."""
        return listing.all_names(
            self.session,
            self.retrier,
            "/v2/_catalog",
            "repositories",
            scopes=("registry:catalog:*",),
            what="_catalog",
        )

    def referrers(self, repository: str, digest: str) -> tuple[Descriptor, ...]:
        """What refers to a manifest: by the referrers API, else by the tag that stands in for it."""
        if self.has_referrers_api is None and listing.lacks_referrers_api(self.session):
            self.has_referrers_api = False
        if self.has_referrers_api is not False:
            path = f"/v2/{self.name(repository)}/referrers/{digest}"
            scopes = self.scopes(repository)
            found = listing.all_referrers(self.session, self.retrier, path, scopes=scopes, what=digest)
            self.has_referrers_api = found is not None
            if found is not None:
                return found
        tag = referrers_tag(digest)
        if self.role == "source" and self.head_manifest(repository, tag) is None:
            return ()  # Asked for every image, there for few: a HEAD is free where a GET counts as a pull.
        index = self.find_manifest(repository, tag)
        if index is None or not index.is_index:
            return ()
        if self.role == "source":
            self.session.documents.hold(index.weight)
        return index.manifests

    # --- blobs -------------------------------------------------------------------------------------------

    def head_blob(self, repository: str, digest: str) -> int | None:
        """Size of a blob (-1 unsaid), None when it is not in this repository."""
        return self._run(blobs.head_blob, repository, digest)

    def is_intact(self, repository: str, digest: str, size: int) -> bool:
        """Whether a blob can be read to its last byte, as far as one request tells."""
        return self._run(blobs.is_intact, repository, digest, size)

    def read_blob(self, repository: str, digest: str, size: int) -> bytes:
        """A small blob (a configuration), its digest checked."""
        return self._run(blobs.read_blob, repository, digest, size)

    def open_blob(self, repository: str, digest: str, offset: int = 0) -> blobs.ByteStream:
        """Begin to read a blob. One try: :mod:`oci.copy.blob_transfer` resumes by itself.

        :raises RetryableError:
        """
        return blobs.open_blob(
            self.session, self.name(repository), digest, offset, scopes=self.scopes(repository)
        )

    def blob_failed(self, digest: str) -> None:
        """A stream of :meth:`open_blob` broke or lied. There is only one place to ask again: here."""

    def _run(self, operation: Callable[..., T], repository: str, *arguments: object) -> T:
        """One operation on a repository, tried again as the budget allows."""
        bound = partial(
            operation, self.session, self.name(repository), *arguments, scopes=self.scopes(repository)
        )
        return self.retrier.run(bound)


def referrers_tag(digest: str) -> str:
    """The tag that stands in for the referrers API: ``sha256-<hex>``."""
    algorithm, digits = parse_digest(digest)
    return f"{algorithm}-{digits}"[:TAG_CHARS]


def _base(registry: str, base_url: str | None, door: Door) -> tuple[Url, str]:
    """Where a registry answers, and the prefix of all its repositories."""
    if base_url is not None:
        url = parse_url(base_url)
        prefix = url.path.strip("/")
        return Url(url.scheme, url.host, url.port), f"{prefix}/" if prefix else ""
    host, port = split_host_port(connect_host(registry))
    scheme = door.scheme_for(host, port)
    return Url(scheme, host, port if port is not None else DEFAULT_PORTS[scheme]), ""
