"""A project whose registry has no sign-in."""

from __future__ import annotations

from typing import Any

import pytest

from testbed.services import RegistryServer
from tests.support.people import Team


@pytest.fixture
def team(registry: RegistryServer, settings: Any) -> Team:
    settings.REGISTRY_URL, settings.REGISTRY_AUTH = registry.url, "none"
    return Team.make("filesof")
