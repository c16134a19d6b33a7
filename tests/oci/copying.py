"""Clients and copiers for tests of the engine: impatient, on loopback, with an observer that remembers."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from oci.cancel import CancelToken
from oci.copy.context import CopyOptions
from oci.copy.image_copier import CopyResult, ImageCopier
from oci.copy.observer import LayerPlan, LayerState, Params
from oci.egress.door import Door, EgressPolicy
from oci.http.transport import Timeouts
from oci.registry.auth.credentials import Credential, Identity
from oci.registry.client import RegistryClient
from oci.registry.faults import Role
from oci.registry.options import ClientOptions, Kept, Throttling
from oci.registry.repository import Repository
from oci.registry.retry import RetryBudget, RetryPolicy
from testbed.copying import alone, noun_of
from testbed.scripted_registry import ScriptedRegistry

#: All of loopback, plain HTTP too: 127.0.0.1, .2, … are different hosts.
HOSTS = tuple(f"127.0.0.{number}" for number in range(1, 10))
DOOR = Door(EgressPolicy(private_sources=(*HOSTS, "127.0.0.0/8"), insecure_sources=HOSTS))


#: Clients that tests made; closed after each test.
MADE: list[RegistryClient] = []


class Server(Protocol):
    """A registry: scripted or real."""

    @property
    def url(self) -> str: ...


@dataclass
class Recorder:
    """A :class:`oci.copy.observer.CopyObserver` that keeps what it is told."""

    planned: list[LayerPlan] = field(default_factory=list)
    states: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    waits: list[tuple[str, Params, float | None]] = field(default_factory=list)
    retries: int = 0
    most_connections: dict[str, int] = field(default_factory=dict)
    #: Set at the first byte of any blob.
    moving: threading.Event = field(default_factory=threading.Event)

    def layers(self, layers: Sequence[LayerPlan]) -> None:
        self.planned = list(layers)

    def layer(self, digest: str, state: LayerState, bytes_done: int) -> None:
        self.states.setdefault(digest, []).append((state, bytes_done))
        if state == "copying" and bytes_done:
            self.moving.set()

    def connections(self, digest: str, count: int) -> None:
        self.most_connections[digest] = max(count, self.most_connections.get(digest, 0))

    def waiting(self, template: str, params: Params, until: float | None) -> None:
        self.waits.append((template, params, until))

    def retried(self) -> None:
        self.retries += 1

    @property
    def reused_bytes(self) -> int:
        """Of blobs that no byte was moved for."""
        return sum(each.size for each in self.planned if self.last(each.digest) in ("exists", "mounted"))

    def last(self, digest: str) -> str:
        """The state that a blob ended in."""
        return self.states[digest][-1][0]

    def sentences(self) -> list[str]:
        return [template % params for template, params, _ in self.waits]


def quick_budget(**more: Any) -> RetryBudget:
    """Five tries whose pauses take no time worth mentioning."""
    return RetryBudget(**{"first": 0.01, "most": 0.05, **more})


def client(server: Server, role: Role = "source", **more: Any) -> RegistryClient:
    """A client of a registry on loopback.

    :param more: ``registry``, ``door``, ``base_url``, fields of :class:`Identity`, of :class:`ClientOptions`
        and of what these consist of.
    """
    identity = noun_of(Identity, more)
    made = RegistryClient(
        more.pop("registry", server.url.partition("://")[2]),
        more.pop("door", DOOR),
        role=role,
        base_url=more.pop("base_url", server.url),
        identity=identity,
        options=ClientOptions(
            timeouts=noun_of(Timeouts, more, stall_seconds=5.0, headers_seconds=5.0),
            retries=noun_of(RetryPolicy, more, budget=quick_budget()),
            throttling=noun_of(Throttling, more),
            kept=noun_of(Kept, more),
            **more,
        ),
    )
    MADE.append(made)
    return made


def open_reader(registry: ScriptedRegistry, password: str | None = None, **more: Any) -> RegistryClient:
    """A client that has asked how to sign in, as ``ada`` where a password is given."""
    if password is not None:
        more["credential"] = Credential(registry.server_name, "ada", password)
    made = client(registry, **more)
    made.ping()
    return made


def copier(
    source: Any,
    target: Any,
    image: str = "library/app:v1",
    *,
    to: str = "team/app:v1",
    source_options: dict[str, Any] | None = None,
    target_options: dict[str, Any] | None = None,
    **more: Any,
) -> ImageCopier:
    """A copier between two servers (or clients of one's own), which share a budget and a cancel token.

    :param image: at the source: a repository with a tag or ``@`` a digest.
    :param to: at the target: a repository with a tag.
    :param source_options: of the client, as of :func:`client`; so ``target_options``.
    :param more: as of :func:`testbed.copying.alone` (``observer``, ``cancel``, ``parallel``, …), and fields of
        :class:`CopyOptions`.
    """
    cancel, observer = more.setdefault("cancel", CancelToken()), more.setdefault("observer", Recorder())
    shared: dict[str, Any] = {
        "budget": quick_budget(),
        "cancel": cancel,
        "on_wait": observer.waiting,
        "on_retry": observer.retried,
    }
    repository, reference = image.split("@" if "@" in image else ":", 1)
    target_repository, tag = to.split(":")
    if hasattr(source, "url"):
        source = client(source, **shared | (source_options or {}))
    if isinstance(source, RegistryClient):
        source = Repository(source, repository)
    if hasattr(target, "url"):
        target = client(target, "target", **shared | (target_options or {}))
    if isinstance(target, RegistryClient):
        target = Repository(target, target_repository)
    options = noun_of(CopyOptions, more)
    return ImageCopier(source, reference, target, tag, options=options, context=alone(**more))


def run(made: ImageCopier) -> CopyResult:
    """All phases; cleaned up whatever happens."""
    try:
        made.sign_in()
        made.pull()
        made.tag()
        return made.push()
    finally:
        made.cleanup()
