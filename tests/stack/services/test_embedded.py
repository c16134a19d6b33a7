"""Services that are configured are used, and none is started."""

from __future__ import annotations

import signal
from collections.abc import Callable

import requests

from testbed.portal import PortalProcess
from testbed.services import RedisServer, RegistryServer
from tests.stack.ending import gone

MakePortal = Callable[..., PortalProcess]


def test_configured_services_are_used_and_none_is_started(
    make_portal: MakePortal,
    make_redis: Callable[[], RedisServer],
    make_registry: Callable[..., RegistryServer],
) -> None:
    server, registry = make_redis(), make_registry()
    portal = make_portal(REDIS_URL=server.url, REGISTRY_URL=registry.url, command=["make", "run"])
    assert portal.pids("redis-server") == {}
    assert portal.pids("docker-registry") == {}
    assert set(portal.services) == {"web_url"}
    ready = requests.get(f"{portal.url}/readyz", timeout=60)
    assert (ready.status_code, set(ready.json().values())) == (200, {"ok"})
    pids = portal.pids()
    portal.stop(signal.SIGTERM)  # to make alone, as service managers do
    assert gone(pids, seconds=5) == {}
