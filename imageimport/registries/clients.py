"""The engine as this installation configures it: what may be contacted, through which mirrors, on whose behalf."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Protocol

from django.conf import settings

from imageimport.registries.rate_limits import SharedRateLimits
from oci.cancel import CancelToken
from oci.egress.door import Door, EgressPolicy, split_host_port, split_url
from oci.errors import OciError, gettext_noop
from oci.http.pool import IdleConnections
from oci.memory import MemoryBudget
from oci.reference.parser import Reference, connect_host
from oci.registry.client import RegistryClient
from oci.registry.credentials import Credential
from oci.registry.faults import IMAGE_NOT_FOUND
from oci.registry.mirrors import MIRROR_TRIES, MirroredSource
from oci.registry.retry import RetryBudget
from oci.registry.source import Source
from oci.urls import DEFAULT_PORTS
from projects import permissions
from projects.models import Project
from projects.registry import client


class Audience(Protocol):
    """Who is told of pauses and retries; see :class:`imageimport.worker.progress.Progress`."""

    def waiting(self, template: str, params: Any, until: float | None) -> None: ...

    def retried(self) -> None: ...


def import_policy(mirror: str = "") -> EgressPolicy:
    """What imports may contact, from the settings.

    :param mirror: URL of the mirror that is asked. The operator named it, so it may be at a private address; but only
        what is asked of it goes there: no reference, redirect or realm of anyone else leads to a mirror.
    """
    return EgressPolicy(
        private_sources=tuple(settings.IMPORT_PRIVATE_SOURCES),
        insecure_sources=tuple(settings.IMPORT_INSECURE_SOURCES),
        own_endpoints=tuple(settings.OWN_ENDPOINTS),
        trusted_hosts=frozenset({split_url(mirror).authority} if mirror else ()),
        ca_file=settings.IMPORT_CA_FILE or None,
    )


@lru_cache(maxsize=64)
def _door(policy: EgressPolicy) -> Door:
    return Door(policy)


@lru_cache(maxsize=64)
def _idle(policy: EgressPolicy) -> IdleConnections:
    """Of all imports of this process through one door: a batch reads most of its images from one registry."""
    return IdleConnections()


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
    if is_own(source) or connect_host(source.registry) in map(connect_host, settings.IMPORT_MIRRORS_ONLY):
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
    cancel: CancelToken | None = None,
    audience: Audience | None = None,
    budget: RetryBudget | None = None,
    documents: MemoryBudget | None = None,
) -> Source:
    """Where ``source`` is read on behalf of ``user``: its mirrors in order, the registry itself last or never.

    The portal's own registry is judged by the user's roles, never by the portal's own account.

    :raises OciError: ``not_found`` for another project's image that the user may not see.
    """
    places = source_places(
        source,
        user=user,
        credential=credential,
        cancel=cancel,
        audience=audience,
        budget=budget,
        documents=documents,
    )
    return places[0] if len(places) == 1 else MirroredSource(places)


def source_places(
    source: Reference,
    *,
    user: Any,
    credential: Credential | None = None,
    cancel: CancelToken | None = None,
    audience: Audience | None = None,
    budget: RetryBudget | None = None,
    documents: MemoryBudget | None = None,
) -> list[RegistryClient]:
    """A client for each place of :func:`source_client`, in order. A person's credential goes to the registry only."""
    if is_own(source):
        return [_own_source(source, user, cancel, documents)]
    mirrors = settings.IMPORT_REGISTRY_MIRRORS.get(source.registry.lower(), ())
    never = source.host in map(connect_host, settings.IMPORT_MIRRORS_ONLY)
    if never and not mirrors:
        raise OciError(
            "unreachable",
            gettext_noop("The operator allows only mirrors of %(host)s, and names none."),
            host=source.registry,
        )
    shared: dict[str, Any] = {
        "registry": source.registry,
        "budget": budget,
        "documents": documents,
        "stall_seconds": settings.IMPORT_STALL_SECONDS,
        "rate_limits": SharedRateLimits(),
        "cancel": cancel,
        **_told(audience),
    }
    places = [
        RegistryClient(
            base_url=url,
            door=import_door(url),
            idle=_idle(import_policy(url)),
            tries=MIRROR_TRIES,
            **shared,
        )
        for url in mirrors
    ]
    if not never:
        places.append(
            RegistryClient(
                door=import_door(),
                idle=_idle(import_policy()),
                credential=credential,
                trusted_realms=settings.IMPORT_TRUSTED_REALMS,
                **shared,
            )
        )
    return places


def _told(audience: Audience | None) -> dict[str, Any]:
    return {"on_wait": audience.waiting, "on_retry": audience.retried} if audience else {}


def _own_source(
    source: Reference, user: Any, cancel: CancelToken | None, documents: MemoryBudget | None
) -> RegistryClient:
    project = Project.objects.filter(name=source.repository.partition("/")[0]).first()
    if project is None or user is None or not permissions.can_read(user, project):
        raise OciError(
            "not_found",
            IMAGE_NOT_FOUND,
            host=source.registry,
            what=source.repository,
        )
    access = {source.repository: "pull"}
    return client.target_client(access=access, role="source", cancel=cancel, documents=documents)


def refuse_other_digest(target: RegistryClient, repository: str, tag: str, digest: str) -> None:
    """:raises OciError: ``tag_exists`` when the target tag names something else than ``digest``."""
    head = target.head_manifest(repository, tag)
    if head is not None and head.digest != digest:
        raise OciError(
            "tag_exists", gettext_noop("The tag %(tag)s exists already and names another image."), tag=tag
        )
