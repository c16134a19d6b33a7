"""A real registry of the portal's own, with images of every kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from stack.sample import Image
from testbed.services import RegistryServer
from tests.support.content.bundles import fill
from tests.support.people import Team, call


@dataclass
class Giving:
    """A project whose images can be exported."""

    own: RegistryServer
    team: Team
    images: dict[str, Image]

    def make(self, *names: str, caller: str = "viewer", **more: Any) -> Any:
        """The answer to making a bundle."""
        body = {"images": list(names), **more}
        return call("POST", f"/projects/{self.team.project.pk}/bundles", body, self.team.bearer(caller))


@pytest.fixture
def own(registry: RegistryServer, settings: Any) -> RegistryServer:
    """The shared registry as the portal's own, without sign-in."""
    settings.REGISTRY_URL, settings.REGISTRY_AUTH = registry.url, "none"
    settings.REGISTRY_PUBLIC_HOST = registry.host
    return registry


@pytest.fixture
def giving(own: RegistryServer, new_team: Callable[[], Team]) -> Giving:
    team = new_team()
    return Giving(own, team, fill(own, team))


@pytest.fixture
def new_team() -> Callable[[], Team]:
    """Makes projects of names that the shared registry has never seen."""
    import uuid

    return lambda: Team.make(f"b{uuid.uuid4().hex[:12]}")
