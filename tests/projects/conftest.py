"""Each test of this room begins without memories; ``door`` is a real registry that trusts the portal under test."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as configured
from django.db import connection

from projects.registry import tag_notices
from projects.registry.tag_notices import look_due
from stack.services.registry_server import Notifications, TokenAuth
from testbed.services import RegistryServer, start_registry
from tests.support.fresh import fresh_memory
from tests.support.services.door import Door

__all__ = ["fresh_memory"]


@pytest.fixture(scope="session")
def door_registry(live_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    """A registry whose token service and listener is the live server of the tests."""
    server = start_registry(
        tmp_path_factory.mktemp("door"),
        auth=TokenAuth(
            realm=f"{live_server.url}/service/token",
            service=configured.TOKEN_SERVICE_NAME,
            issuer=configured.TOKEN_SERVICE_ISSUER,
            certificate=configured.DATA_DIR / "secrets" / "token_service.crt",
        ),
        notifications=Notifications(
            url=f"{live_server.url}/service/registry-events", token=configured.REGISTRY_NOTIFICATION_TOKEN
        ),
    )
    yield server
    server.running.stop()


@pytest.fixture
def door(
    door_registry: RegistryServer, live_server: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Door]:
    """That registry as the portal's own, and someone who looks at what it reports, as a worker does."""
    settings.REGISTRY_URL = door_registry.url
    settings.REGISTRY_PUBLIC_HOST = door_registry.host
    settings.REGISTRY_AUTH = "token"
    # What tests put with the portal's own token has no import that would write its row.
    monkeypatch.setattr(tag_notices, "OURS_SECONDS", 0.0)
    enough = threading.Event()
    looker = threading.Thread(target=_look, args=(enough,), name="looker")
    looker.start()
    yield Door(door_registry, live_server.url)
    enough.set()
    looker.join()


def _look(enough: threading.Event) -> None:
    try:
        while not enough.wait(0.05):
            look_due(stop=enough.is_set)
    finally:
        connection.close()
