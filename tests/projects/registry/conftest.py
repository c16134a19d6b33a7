"""Registries without sign-in, as the portal's own: one that all tests share, one of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from testbed.services import RegistryServer


@pytest.fixture
def own_registry(registry: RegistryServer, settings: Any) -> RegistryServer:
    """A registry without sign-in as the portal's own."""
    settings.REGISTRY_URL = registry.url
    settings.REGISTRY_AUTH = "none"
    return registry


@pytest.fixture
def own(make_registry: Callable[..., RegistryServer], settings: Any) -> RegistryServer:
    """A registry of the test's own, without sign-in and without notices."""
    server = make_registry()
    settings.REGISTRY_URL, settings.REGISTRY_AUTH = server.url, "none"
    return server
