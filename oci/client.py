"""One registry: manifests, blobs, uploads, tags, referrers. What the rest of the engine and the portal talk to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from oci import blobs, uploads
from oci.auth import Credential, TokenProvider
from oci.cancel import CancelToken
from oci.connection import Broken, Malformed, Response
from oci.digest import digest_of, is_digest, parse_digest
from oci.egress import Door, split_host_port
from oci.errors import OciError, gettext_noop
from oci.faults import Again, Role, digest_differs
from oci.http import Transport
from oci.limits import HEADERS_SECONDS, MANIFEST_BYTES, STALL_SECONDS
from oci.manifest import Manifest, parse_manifest
from oci.media_types import ACCEPT_MANIFESTS, bare_type
from oci.ratelimit import LocalRateLimits, RateLimit, RateLimitStore
from oci.reference import connect_host, normalise_registry
from oci.retry import OnWait, Retrier, RetryBudget, no_wait_shown
from oci.session import Session
from oci.signin import SignIn
from oci.site import USER_AGENT, Site
from oci.urls import DEFAULT_PORTS, Url, parse_url


@dataclass(frozen=True, slots=True)
class ManifestHead:
    """What a HEAD of a manifest told; ``digest`` is None and ``size`` -1 where the registry does not say."""

    digest: str | None
    media_type: str
    size: int


class RegistryClient:
    """Thread-safe. Every method makes up to five tries within the budget, and raises :class:`~oci.errors.OciError`.

    :param registry: as in a reference (``docker.io``, ``ghcr.io``, ``registry.example.com:5000``).
    :param base_url: where it answers, if the name does not say: the portal's own registry, a mirror.
    :param role: ``target`` asks for push scopes and reports faults as ``target_error``.
    :param credential: must be for this registry.
    :param token_provider: makes bearer tokens itself, instead of any token server.
    :param budget: shared by all clients of one import attempt.
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
        on_wait: OnWait = no_wait_shown,
        on_retry: Callable[[], None] = lambda: None,
        on_note: Callable[[str], None] | None = None,
        rate_limits: RateLimitStore | None = None,
        cancel: CancelToken | None = None,
    ) -> None:
        self.registry = normalise_registry(registry)
        self.role = role
        self.cancel = cancel or CancelToken()
        if credential is not None and connect_host(credential.host) != connect_host(registry):
            template = gettext_noop("The sign-in is for %(host)s and is not used at %(other)s.")
            raise OciError("unauthorized", template, host=credential.host, other=registry)
        self._transport = Transport(
            door=door, cancel=self.cancel, stall_seconds=stall_seconds, headers_seconds=headers_seconds
        )
        base, self._prefix = _base(registry, base_url, door)
        site = Site(base, role=role, transport=self._transport, user_agent=user_agent, on_note=on_note)
        sign_in = SignIn(
            site, credential=credential, token_provider=token_provider, trusted_realms=trusted_realms
        )
        self.session = Session(
            site,
            sign_in,
            registry=self.registry,
            rate_limits=rate_limits or LocalRateLimits(),
            cancel=self.cancel,
            on_wait=on_wait,
        )
        self.retrier = Retrier(
            budget=budget or RetryBudget(), cancel=self.cancel, on_wait=on_wait, on_retry=on_retry, tries=tries
        )
        self.open_uploads = uploads.OpenUploads()
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
        )

    @property
    def host(self) -> str:
        """The host for messages."""
        return self.session.site.host

    @property
    def notes(self) -> list[str]:
        """Sentences of the registry and about it that people should see (``Warning`` headers and the like)."""
        return self.session.site.notes

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
        """Reach the registry and learn how it wants us to sign in; whether that works shows the first request."""

        def once() -> None:
            response = self.session.site.exchange("GET", self.session.url("/v2/"), ())
            if response.status == 401:
                self.session.sign_in.learn_from(response)
            elif response.status == 429 or response.status >= 500:
                raise self.session.refusal(response, "/v2/")
            response.discard()

        self.retrier.run(once)

    # --- manifests ---------------------------------------------------------------------------------------

    def head_manifest(self, repository: str, wanted: str) -> ManifestHead | None:
        """Ask what ``wanted`` (tag or digest) is, without fetching it; None when it is not there.

        A registry that does not answer HEAD gives an empty :class:`ManifestHead`.
        """

        def once() -> ManifestHead | None:
            response = self._ask_manifest("HEAD", repository, wanted)
            status = response.status
            if status == 404:
                return None
            if status in (400, 405, 501) or (status == 403 and response.url.origin != self.session.site.base.origin):
                return ManifestHead(None, "", -1)
            if status != 200:
                raise self.session.refusal(response, _what(repository, wanted))
            digest = response.header("Docker-Content-Digest")
            length = response.header("Content-Length") or ""
            return ManifestHead(
                digest if is_digest(digest) else None,
                bare_type(response.header("Content-Type")),
                int(length) if length.isascii() and length.isdigit() and len(length) < 19 else -1,
            )

        return self.retrier.run(once)

    def get_manifest(self, repository: str, wanted: str) -> Manifest:
        """Fetch and check a manifest.

        :raises OciError: ``not_found``, ``digest_mismatch``, ``unsupported_manifest``, ``limit_exceeded``, …
        """
        found = self.find_manifest(repository, wanted)
        if found is None:
            template = gettext_noop("%(host)s has no %(what)s.")
            code = "not_found" if self.role == "source" else "target_error"
            raise OciError(code, template, host=self.host, what=_what(repository, wanted))
        return found

    def find_manifest(self, repository: str, wanted: str) -> Manifest | None:
        """As :meth:`get_manifest`; None when it is not there."""

        def once() -> Manifest | None:
            response = self._ask_manifest("GET", repository, wanted)
            if response.status == 404:
                response.discard()
                return None
            if response.status != 200:
                raise self.session.refusal(response, _what(repository, wanted))
            return self._read_manifest(response, wanted)

        return self.retrier.run(once)

    def put_manifest(self, repository: str, wanted: str, manifest: Manifest) -> None:
        """Store a manifest under a digest or tag, byte by byte as it is, and check what the registry makes of it."""

        def once() -> None:
            response = self.session.request(
                "PUT",
                self.session.url(f"/v2/{self.name(repository)}/manifests/{wanted}"),
                scopes=self.scopes(repository),
                what=_what(repository, wanted),
                accept=(200, 201, 202, 204),
                headers=[("Content-Type", manifest.media_type)],
                body=manifest.body,
            )
            said = response.header("Docker-Content-Digest")
            response.discard()
            if said is not None and is_digest(said) and not _agree(said, manifest):
                raise digest_differs(self.host, manifest.digest, said)

        self.retrier.run(once)

    def delete_manifest(self, repository: str, wanted: str) -> bool:
        """Delete by digest, or a tag where the registry can; False when it was not there.

        :raises OciError: also where the registry does not allow deletes.
        """

        def once() -> bool:
            response = self.session.request(
                "DELETE",
                self.session.url(f"/v2/{self.name(repository)}/manifests/{wanted}"),
                scopes=(f"repository:{self.name(repository)}:delete,pull,push",),
                what=_what(repository, wanted),
                accept=(200, 202, 204, 404),
            )
            response.discard()
            return response.status != 404

        return self.retrier.run(once)

    def _ask_manifest(self, method: str, repository: str, wanted: str) -> Response:
        return self.session.ask(
            method,
            self.session.url(f"/v2/{self.name(repository)}/manifests/{wanted}"),
            scopes=self.scopes(repository),
            headers=[("Accept", ACCEPT_MANIFESTS)],
        )

    def _read_manifest(self, response: Response, wanted: str) -> Manifest:
        content_type, said = response.header("Content-Type"), response.header("Docker-Content-Digest")
        try:
            body = response.read(MANIFEST_BYTES)
        except OverflowError:
            template = gettext_noop("The manifest at %(host)s is larger than %(limit)d bytes.")
            raise OciError("limit_exceeded", template, host=self.host, limit=MANIFEST_BYTES) from None
        except (Broken, Malformed) as error:
            raise self.session.site.translated(error, response.url) from error
        expected = wanted if is_digest(wanted) else None
        if expected is None and said is not None and is_digest(said):
            computed = digest_of(body, algorithm=parse_digest(said)[0])
            if computed != said:
                raise digest_differs(self.host, said, computed)
        try:
            return parse_manifest(body, content_type, expected_digest=expected)
        except OciError as error:
            if error.code == "digest_mismatch":
                raise Again(error, tries=2) from error
            raise

    # --- blobs -------------------------------------------------------------------------------------------

    def head_blob(self, repository: str, digest: str) -> int | None:
        """Size of a blob (-1 unsaid), None when it is not in this repository."""
        name, scopes = self.name(repository), self.scopes(repository)
        return self.retrier.run(lambda: blobs.head_blob(self.session, name, digest, scopes=scopes))

    def is_intact(self, repository: str, digest: str, size: int) -> bool:
        """Whether a blob can be read to its last byte, as far as one request tells."""
        name, scopes = self.name(repository), self.scopes(repository)
        return self.retrier.run(lambda: blobs.is_intact(self.session, name, digest, size, scopes=scopes))

    def open_blob(self, repository: str, digest: str, offset: int = 0) -> blobs.BlobStream:
        """Begin to read a blob. One try: :mod:`oci.transfer` resumes by itself.

        :raises Again:
        """
        name, scopes = self.name(repository), self.scopes(repository)
        return blobs.open_blob(self.session, name, digest, offset=offset, scopes=scopes)


def _agree(said: str, manifest: Manifest) -> bool:
    """Whether a digest, of whatever algorithm, is the manifest's."""
    return said == digest_of(manifest.body, algorithm=parse_digest(said)[0])


def _what(repository: str, wanted: str) -> str:
    """A manifest's name in messages."""
    return f"{repository}@{wanted}" if is_digest(wanted) else f"{repository}:{wanted}"


def _base(registry: str, base_url: str | None, door: Door) -> tuple[Url, str]:
    """Where a registry answers, and the prefix of all its repositories."""
    if base_url is not None:
        url = parse_url(base_url)
        prefix = url.path.strip("/")
        return Url(url.scheme, url.host, url.port), f"{prefix}/" if prefix else ""
    host, port = split_host_port(connect_host(registry))
    scheme = door.scheme_for(host, port)
    return Url(scheme, host, port if port is not None else DEFAULT_PORTS[scheme]), ""
