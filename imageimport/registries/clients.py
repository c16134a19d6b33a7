"""The engine as this installation configures it: what may be contacted, through which mirrors, on whose behalf."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from django.conf import settings
from django.utils.translation import gettext_noop

from imageimport.registries import sources
from imageimport.registries.rate_limits import SharedRateLimits
from oci.charts.source import ChartSource, Known
from oci.egress.door import Door, EgressPolicy, split_host_port, split_url
from oci.errors import OciError
from oci.http.pool import IdleConnections
from oci.reference.parser import Reference
from oci.registry.auth.credentials import Credential, Identity
from oci.registry.auth.known import SignIns
from oci.registry.client import RegistryClient
from oci.registry.faults import IMAGE_NOT_FOUND
from oci.registry.mirrors import MIRROR_TRIES, MirroredSource
from oci.registry.options import ClientOptions, Kept
from oci.registry.pace import Unpaced
from oci.registry.repository import Repository
from oci.registry.source import Source
from oci.urls import DEFAULT_PORTS
from projects import permissions
from projects.models import Project
from projects.registry import client


@dataclass(frozen=True, slots=True)
class Place:
    """Where a source is read: a mirror or the registry itself, and the account that is for this place alone; None:
    it is asked anonymously.
    """

    repository: Repository
    account: Credential | None = None


def import_policy(mirror: str = "") -> EgressPolicy:
    """What imports may contact, and by which proxies: see :mod:`imageimport.registries.sources`.

    :param mirror: URL of the mirror that is asked. The operator named it, so it may be at a private address; but only
        what is asked of it goes there: no reference, redirect or realm of anyone else leads to a mirror.
    """
    return EgressPolicy(
        private_sources=sources.private_sources(),
        insecure_sources=sources.insecure_sources(),
        own_endpoints=tuple(settings.OWN_ENDPOINTS),
        trusted_hosts=frozenset({split_url(mirror).authority} if mirror else ()),
        ca_file=settings.IMPORT_CA_FILE or None,
        proxies=sources.proxy_rules(),
    )


@lru_cache(maxsize=64)
def _door(policy: EgressPolicy) -> Door:
    return Door(policy)


@lru_cache(maxsize=64)
def _idle(policy: EgressPolicy) -> IdleConnections:
    """The connections that all imports of this process keep behind one door: a batch reads most of its images from one
    registry.
    """
    return IdleConnections()


@lru_cache(maxsize=64)
def _sign_ins(policy: EgressPolicy) -> SignIns:
    """Likewise: how accounts sign in, and their tokens."""
    return SignIns()


def import_door(mirror: str = "") -> Door:
    """The door of all imports in this process, or that of one mirror."""
    return _door(import_policy(mirror))


def is_own(source: Reference) -> bool:
    """Whether a reference leads to the portal's own registry, by whichever of its names."""
    return source.host in {settings.REGISTRY_PUBLIC_HOST.lower(), client.own_host().lower()}


def check_literal_source(source: Reference) -> None:
    """Refuse at once what can be told without asking: a forbidden address or port in the reference itself.

    :raises OciError: ``blocked_address``.
    """
    if is_own(source) or sources.is_mirrors_only(source.registry):
        return
    door = import_door()
    host, port = split_host_port(source.host)
    scheme = door.scheme_for(host, port)
    door.check_literal(host, port or DEFAULT_PORTS[scheme], scheme)


def source_client(
    source: Reference,
    *,
    user: Any,
    credential: Credential | None = None,
    options: ClientOptions | None = None,
    alive: Callable[[], None] = lambda: None,
    passed_over: Callable[[str, OciError], None] = lambda _via, _error: None,
) -> Source:
    """Where ``source`` is read on behalf of ``user``: its mirrors in order, the registry itself last or never.

    The portal's own registry is judged by the user's roles, never by the portal's own account.

    :param alive: told while a chart repository is read, whose index and charts come before anything moves.
    :param passed_over: as of :class:`MirroredSource`.
    :raises OciError: ``not_found`` for another project's image that the user may not see.
    """
    if source.is_chart:
        return _chart_source(source, credential, options or ClientOptions(), alive)
    places = source_places(source, user=user, credential=credential, options=options)
    repositories = [place.repository for place in places]
    return repositories[0] if len(repositories) == 1 else MirroredSource(repositories, passed_over)


def source_places(
    source: Reference,
    *,
    user: Any,
    credential: Credential | None = None,
    options: ClientOptions | None = None,
    fresh: bool = False,
) -> list[Place]:
    """Each place of :func:`source_client`, in order. A person's credential goes to the registry only, a mirror's
    account to that mirror only.

    :param fresh: on no connection that an import left open, and signing in as for the first time.
    """
    options = options or ClientOptions()
    if is_own(source):
        return [Place(_own_source(source, user, options), credential)]
    mirrors = sources.mirrors_of(source.registry)
    never = sources.is_mirrors_only(source.registry)
    if never and not mirrors:
        raise OciError(
            "unreachable",
            gettext_noop(
                "%(host)s can only be reached through mirrors, and none is configured. Ask the "
                "administrator to add one."
            ),
            host=source.registry,
        )
    options = _as_a_source(options)
    places = []
    for mirror in mirrors:
        account = mirror.credential(source.registry)
        # It is shown to no token server but the mirror's own.
        repository = _repository(source, Identity(account), options, mirror=mirror.url, fresh=fresh)
        places.append(Place(repository, account))
    if not never:
        identity = Identity(credential, trusted_realms=settings.IMPORT_TRUSTED_REALMS)
        places.append(Place(_repository(source, identity, options, fresh=fresh), credential))
    return places


def _as_a_source(options: ClientOptions) -> ClientOptions:
    """With the stall time of imports, and minding what registries asked of any worker."""
    return replace(
        options,
        timeouts=replace(options.timeouts, stall_seconds=settings.IMPORT_STALL_SECONDS),
        throttling=replace(options.throttling, rate_limits=SharedRateLimits()),
    )


def _repository(
    source: Reference, identity: Identity, options: ClientOptions, *, mirror: str = "", fresh: bool = False
) -> Repository:
    """One place of a source: the registry or a mirror of it.

    :param mirror: its URL; empty for the registry itself.
    """
    policy = import_policy(mirror)
    options = replace(
        options,
        kept=Kept() if fresh else Kept(idle=_idle(policy), sign_ins=_sign_ins(policy)),
        retries=replace(options.retries, tries=MIRROR_TRIES) if mirror else options.retries,
    )
    made = RegistryClient(
        source.registry, import_door(mirror), base_url=mirror or None, identity=identity, options=options
    )
    return Repository(made, source.repository)


#: Of this process.
_CHARTS: Final = Known()


def _chart_source(
    source: Reference, credential: Credential | None, options: ClientOptions, alive: Callable[[], None]
) -> ChartSource:
    """A chart of a Helm repository. Mirrors are registries, so none stands in for it.

    :raises OciError: ``unreachable``: its host can only be reached through mirrors.
    """
    if sources.is_mirrors_only(source.registry):
        template = gettext_noop(
            "%(host)s can only be reached through mirrors, and these serve no chart repositories."
        )
        raise OciError("unreachable", template, host=source.registry)
    # What is learned of signing in at a registry of the same host is another matter.
    options = replace(_as_a_source(options), kept=Kept(idle=_idle(import_policy())))
    client = RegistryClient(source.registry, import_door(), identity=Identity(credential), options=options)
    return ChartSource(client, source, known=_CHARTS, alive=alive)


def _own_source(source: Reference, user: Any, options: ClientOptions) -> Repository:
    project = Project.objects.filter(name=source.repository.partition("/")[0]).first()
    if project is None or user is None or not permissions.can_read(user, project):
        raise OciError(
            "not_found",
            IMAGE_NOT_FOUND,
            host=source.registry,
            what=source.repository,
        )
    access = {source.repository: client.PULL}
    # Inside the installation: the bound is on the line to sources.
    options = replace(options, throttling=replace(options.throttling, pace=Unpaced()))
    opened = client.target_client(access=access, role="source", options=options)
    return Repository(opened, source.repository)
