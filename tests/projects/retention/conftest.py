"""A registry whose files these tests look into."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from testbed.services import RegistryServer
from tests.support.people import Team


@pytest.fixture
def own(make_registry: Callable[..., RegistryServer], settings: Any) -> RegistryServer:
    """A registry of the test's own, as the portal's."""
    server = make_registry()
    settings.REGISTRY_URL, settings.REGISTRY_AUTH = server.url, "none"
    return server


@pytest.fixture
def team(registry: RegistryServer, settings: Any) -> Team:
    settings.REGISTRY_URL, settings.REGISTRY_AUTH = registry.url, "none"
    return Team.make(f"c{uuid.uuid4().hex[:10]}")
