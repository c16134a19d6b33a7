"""The whole import pipeline in this process, between scripted registries; every test begins without memories."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from imageimport.registries.clients import _door
from imageimport.worker import dispatch
from imageimport.worker.transports import registry as registry_transport
from oci.egress import door
from oci.registry.connections import LocalConnections
from testbed.copying import LocalFlights
from testbed.portal import PortalProcess
from testbed.scripted_registry import ScriptedRegistry
from tests.conftest import _portal_factory
from tests.imageimport.conftest import fresh_memory, source, target, work
from tests.support.networks import forbidden
from tests.support.networks.canary import Canary

__all__ = ["fresh_memory", "source", "target", "work"]


@pytest.fixture
def redis_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither hints nor what imports share are asked of Redis: a test that watches connections sees only imports."""
    monkeypatch.setattr(dispatch, "after_commit", lambda _count=1: None)
    monkeypatch.setattr(registry_transport, "SharedFlights", LocalFlights)
    monkeypatch.setattr(registry_transport, "SharedConnections", LocalConnections)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The resolver of these tests; doors that were built with another one are forgotten."""
    monkeypatch.setattr(door, "system_resolver", forbidden.resolve)
    _door.cache_clear()
    yield
    _door.cache_clear()


@pytest.fixture
def canary() -> Iterator[Canary]:
    """On loopback, where no import may go."""
    with Canary() as listening:
        yield listening


@pytest.fixture
def friend(canary: Canary) -> Iterator[Canary]:
    """On the same port of an address where imports may go, if they like."""
    with Canary("127.0.0.2", canary.port) as listening:
        yield listening


@pytest.fixture
def evil(names: None, source: ScriptedRegistry, settings: Any) -> ScriptedRegistry:
    """The hostile registry. It may be contacted at its own port; nothing else of 127.0.0.1 may."""
    settings.IMPORT_PRIVATE_SOURCES = [source.server_name, "127.0.0.2/32"]
    hosts = [
        *forbidden.NAMES,
        "127.0.0.1",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "169.254.169.254",
    ]
    settings.IMPORT_INSECURE_SOURCES = [
        *hosts,
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "127.0.0.2",
        "168.63.129.16",
    ]
    return source


@dataclass(frozen=True)
class Siege:
    """A whole portal, and a hostile registry that is all it may contact."""

    portal: PortalProcess
    evil: ScriptedRegistry
    #: What the operator gave in its environment, by name.
    given: dict[str, str]


#: Time that a silent source has in these tests, seconds.
STALL = 3


@pytest.fixture(scope="session")
def siege(tmp_path_factory: pytest.TempPathFactory, portal_seed: tuple[Path, Path]) -> Iterator[Siege]:
    """One for all tests of this room: use names of your own."""
    given = {"SECRET_KEY": "cANARY-secret-key-" + "x" * 50, "METRICS_TOKEN": "cANARY-metrics-token"}
    of_proxy = "cANARY-proxy-of-env"
    with ExitStack() as stack:
        evil = ScriptedRegistry(host="127.0.0.2")
        stack.enter_context(evil)
        portal = _portal_factory(tmp_path_factory, portal_seed, stack)(
            IMPORT_PRIVATE_SOURCES=evil.server_name,
            IMPORT_INSECURE_SOURCES="127.0.0.1,127.0.0.2,localhost,[::1]",
            IMPORT_STALL_SECONDS=str(STALL),
            IMPORT_MAX_ATTEMPTS="1",
            IMPORT_MAX_RUNNING="8",
            IMPORT_MAX_RUNNING_PER_PROJECT="8",
            LOG_LEVEL="DEBUG",
            IMPORT_PROXIES=f"env.proxied.example=http://portal:{of_proxy}@127.0.0.1:9",
            **given,
        )
        yield Siege(portal, evil, {**given, "IMPORT_PROXIES": of_proxy})
