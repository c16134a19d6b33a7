"""A registry whose files these tests look into."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from testbed.services import RegistryServer


@pytest.fixture
def own(make_registry: Callable[..., RegistryServer], settings: Any) -> RegistryServer:
    """A registry of the test's own, as the portal's."""
    server = make_registry()
    settings.REGISTRY_URL, settings.REGISTRY_AUTH = server.url, "none"
    return server
