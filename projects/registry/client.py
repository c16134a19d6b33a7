"""The portal's own way into the private registry: with tokens of its own making, basic sign-in, or none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings

from oci.egress.door import Door, EgressPolicy
from oci.http.pool import IdleConnections
from oci.registry.auth.credentials import Credential, Identity, TokenProvider
from oci.registry.auth.known import SignIns
from oci.registry.client import RegistryClient
from oci.registry.faults import Role
from oci.registry.options import ClientOptions, Kept
from oci.registry.repository import Repository
from projects.token_service.scopes import parse_scopes
from projects.token_service.tokens import PORTAL, Access, mint

#: What reading one repository takes.
PULL: Final = "pull"
PUSH: Final = "pull,push"
DELETE: Final = "pull,push,delete"


def own_host() -> str:
    """``host[:port]`` of the private registry, as the portal reaches it."""
    return urlsplit(settings.REGISTRY_URL).netloc.rpartition("@")[2]


def target_door() -> Door:
    """The door that leads to the private registry, and to nothing else that is not public."""
    return _door(own_host(), settings.IMPORT_CA_FILE)


@lru_cache(maxsize=4)
def _door(host: str, ca_file: str) -> Door:
    return Door(EgressPolicy(trusted_hosts=frozenset({host}), ca_file=ca_file or None))


@lru_cache(maxsize=4)
def _idle(host: str, ca_file: str) -> IdleConnections:
    """The connections that all keep who go through :func:`_door`: every import ends at the same registry."""
    return IdleConnections()


@lru_cache(maxsize=4)
def _sign_ins(host: str, ca_file: str) -> SignIns:
    """Likewise: how the portal's account signs in. What it makes its own tokens for is never shared."""
    return SignIns()


def target_client(
    *,
    access: Mapping[str, str],
    catalog: bool = False,
    role: Role = "target",
    options: ClientOptions | None = None,
) -> RegistryClient:
    """A client of the private registry that may do exactly this. Close it when done (or use :func:`opened`).

    :param access: actions (``"pull,push"``) of each repository (``"library/nginx"``); looked up for each token,
        so that a caller may add what it was allowed in the meantime (a repository to mount from).
    :param role: ``source`` where it is read on a user's behalf: faults are then the source's.
    :param catalog: may list the repositories, too.
    """
    identity = Identity()
    if settings.REGISTRY_AUTH == "token":
        identity = Identity(token_provider=token_provider(access=access, catalog=catalog))
    elif settings.REGISTRY_AUTH == "basic":
        credential = Credential(own_host(), settings.REGISTRY_USERNAME, settings.REGISTRY_PASSWORD)
        identity = Identity(credential, trusted_realms=settings.IMPORT_TRUSTED_REALMS)
    return RegistryClient(
        own_host(),
        target_door(),
        role=role,
        base_url=settings.REGISTRY_URL,
        identity=identity,
        options=replace(
            options or ClientOptions(),
            kept=Kept(
                idle=_idle(own_host(), settings.IMPORT_CA_FILE),
                sign_ins=_sign_ins(own_host(), settings.IMPORT_CA_FILE),
            ),
        ),
    )


@contextmanager
def opened(*, catalog: bool = False, options: ClientOptions | None = None) -> Iterator[RegistryClient]:
    """As :func:`target_client`, for no repository in particular, closed at the end of the block."""
    with closing(target_client(access={}, catalog=catalog, options=options)) as client:
        yield client


@contextmanager
def opened_repository(
    name: str, actions: str, *, options: ClientOptions | None = None
) -> Iterator[Repository]:
    """One repository (``library/nginx``) with a client that may do exactly this there, closed at the end of the
    block.
    """
    with closing(target_client(access={name: actions}, options=options)) as client:
        yield Repository(client, name)


def token_provider(*, access: Mapping[str, str], catalog: bool = False) -> TokenProvider:
    """Makes tokens for the engine: never wider than ``access``, whatever scopes it asks for."""

    def allowed(kind: str, name: str) -> Sequence[str]:
        if kind == "repository":
            return access.get(name, "").split(",")
        return ("*",) if catalog and (kind, name) == ("registry", "catalog") else ()

    def provide(scopes: Sequence[str]) -> str:
        granted = [
            Access(
                scope.type,
                scope.name,
                tuple(a for a in allowed(scope.type, scope.name) if a in scope.actions),
            )
            for scope in parse_scopes(scopes)
        ]
        return mint(subject=PORTAL, access=granted).text

    return provide


def engine_sign_in(repository: str) -> dict[str, str]:
    """The ``auth_config`` with which a Docker Engine pushes to one repository; empty where no sign-in is needed."""
    if settings.REGISTRY_AUTH == "token":
        access = Access("repository", repository, ("pull", "push"))
        return {"registrytoken": mint(subject=PORTAL, access=[access]).text}
    if settings.REGISTRY_AUTH == "basic":
        return {"username": settings.REGISTRY_USERNAME, "password": settings.REGISTRY_PASSWORD}
    return {}
