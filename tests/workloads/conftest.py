"""A project with an image, whose registry has a public name."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.people import Team


@pytest.fixture
def team(settings: Any) -> Team:
    settings.REGISTRY_PUBLIC_HOST = "registry.test"
    team = Team.make()
    team.image("nginx", "1.27", source_image="docker.io/library/nginx:1.27")
    return team
