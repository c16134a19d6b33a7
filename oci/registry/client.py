"""One registry: how it is reached and signed in to, and what holds for all of its repositories."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from oci.egress.door import Door, split_host_port
from oci.errors import Note, OciError, gettext_noop
from oci.http.transport import HttpTransport
from oci.reference.parser import connect_host, normalise_registry
from oci.registry import listing
from oci.registry.auth.authenticator import SignIn
from oci.registry.auth.credentials import Identity
from oci.registry.endpoint import Endpoint
from oci.registry.faults import Role
from oci.registry.options import ClientOptions, Kept, Throttling, for_cleanup
from oci.registry.rate_limit import RateLimit
from oci.registry.retry import Retrier
from oci.registry.session import Session
from oci.registry.uploads import OpenUploads
from oci.urls import DEFAULT_PORTS, Url, parse_url


class RegistryClient:
    """Thread-safe. What it has in its repositories is asked for by :class:`oci.registry.repository.Repository`.

    Every method makes up to five tries within the budget, and raises :class:`~oci.errors.OciError`.

    :param registry: as in a reference (``docker.io``, ``ghcr.io``, ``registry.example.com:5000``).
    :param role: ``target`` asks for push scopes and reports faults as ``target_error``.
    :param base_url: where it answers, if the name does not say: the portal's own registry, a mirror.
    :raises OciError: ``unauthorized``: the credential is for another registry.
    """

    def __init__(
        self,
        registry: str,
        door: Door,
        *,
        role: Role = "source",
        base_url: str | None = None,
        identity: Identity | None = None,
        options: ClientOptions | None = None,
    ) -> None:
        identity, options = identity or Identity(), options or ClientOptions()
        credential = identity.credential
        if credential is not None and connect_host(credential.host) != connect_host(registry):
            template = gettext_noop("The credentials are for %(host)s and are not sent to %(other)s.")
            raise OciError("unauthorized", template, host=credential.host, other=registry)
        self.registry = normalise_registry(registry)
        self.role = role
        self.cancel = options.cancel
        self._door = door
        self._base_url = base_url
        self._identity = identity
        self._options = options
        self._transport = HttpTransport(
            door=door,
            cancel=options.cancel,
            timeouts=options.timeouts,
            idle=options.kept.idle,
        )
        base, self.prefix = _base(registry, base_url, door)
        #: What ``host`` is where no mirror stands in for it.
        self._name = base.authority if base_url is None else connect_host(registry)
        endpoint = Endpoint(base, role=role, transport=self._transport)
        sign_ins = options.kept.sign_ins
        known = sign_ins.of(base, identity) if sign_ins is not None else None
        self.session = Session(endpoint, SignIn(endpoint, identity, known), options, registry=self.registry)
        self.retrier = Retrier(options.retries, options.cancel)
        self.open_uploads = OpenUploads()
        #: Probed by the first question; None before.
        self.has_referrers_api: bool | None = None

    @property
    def host(self) -> str:
        """The host for messages."""
        return self.session.endpoint.host

    @property
    def is_mirror(self) -> bool:
        """Whether another host stands in for the registry."""
        return self.host != self._name

    @property
    def via(self) -> str:
        """The mirror, the proxy, or ``<mirror> through <proxy>`` by which content comes; empty: directly."""
        mirror = self.host if self.is_mirror else ""
        proxy = next(iter(self._transport.proxies), "")
        return f"{mirror} through {proxy}" if mirror and proxy else mirror or proxy

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
        return self._again(for_cleanup())

    def beside(self) -> RegistryClient:
        """The same with short time-outs, and a cancel token that is pulled with this one's or alone."""
        own, cancel = self._options, self.cancel.child()
        return self._again(
            replace(
                for_cleanup(),
                cancel=cancel,
                throttling=Throttling(rate_limits=own.throttling.rate_limits),
                kept=Kept(sign_ins=own.kept.sign_ins),
            )
        )

    def _again(self, options: ClientOptions) -> RegistryClient:
        return RegistryClient(
            self.registry,
            self._door,
            role=self.role,
            base_url=self._base_url,
            identity=self._identity,
            options=options,
        )

    def open_ahead(self, most: int) -> None:
        """Open a connection that will be needed soon, unless this many are idle.

        :raises Broken:
        :raises OciError: none; the request that needs it will be told in the proper words.
        """
        self._transport.open_ahead(self.session.endpoint.base, most)

    def close(self) -> None:
        self._transport.close()

    def ping(self) -> None:
        """Reach the registry and learn how it wants us to sign in; whether that works shows the first
        request.
        """
        self.retrier.run(self.session.greet)

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


def _base(registry: str, base_url: str | None, door: Door) -> tuple[Url, str]:
    """Where a registry answers, and the prefix of all its repositories."""
    if base_url is not None:
        url = parse_url(base_url)
        prefix = url.path.strip("/")
        return Url(url.scheme, url.host, url.port), f"{prefix}/" if prefix else ""
    host, port = split_host_port(connect_host(registry))
    scheme = door.scheme_for(host, port)
    return Url(scheme, host, port if port is not None else DEFAULT_PORTS[scheme]), ""
