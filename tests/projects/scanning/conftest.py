"""A scanner that the tests answer for, and an image for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from projects.models import Image, Scanner
from projects.scanning import services
from testbed.services import RegistryServer
from tests.support.content.inside import row_of, simple
from tests.support.people import Team
from tests.support.services.scanner import FakeScanner, found, report


@pytest.fixture(scope="module")
def server() -> Iterator[FakeScanner]:
    with FakeScanner() as made:
        yield made


@pytest.fixture
def fake(server: FakeScanner) -> FakeScanner:
    """The one server of all tests, as if it were new."""
    server.asked, server.answers, server.reports = [], [], {}
    server.waits, server.refresh_after = 0, "0"
    server.body = report([found(1, "Critical"), found(2, "High"), found(3, "High"), found(4, "Low")])
    server.requests.clear()
    return server


@pytest.fixture
def scanner(fake: FakeScanner) -> Scanner:
    auth = {"kind": "api_key", "value": "s3cret-key"}
    return services.create(user=None, name="fake", url=f"{fake.url}/", auth=auth, scan_on_import=False)


@pytest.fixture
def team(registry: RegistryServer, settings: Any) -> Team:
    settings.REGISTRY_URL, settings.REGISTRY_AUTH = registry.url, "none"
    return Team.make("scans")


@pytest.fixture
def row(team: Team, registry: RegistryServer) -> Image:
    image = simple("scanned")
    registry.push("scans/app", "1", image)
    return row_of(team.project, "app", "1", image)
