"""A source with some tags, and what is offered of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry
from tests.support.people import Team, call

OFFERS = "/projects/team/import/offers/"


@pytest.fixture
def source(settings: Any) -> Iterator[ScriptedRegistry]:
    with ScriptedRegistry() as registry:
        settings.IMPORT_PRIVATE_SOURCES = [registry.server_name]
        settings.IMPORT_INSECURE_SOURCES = [registry.server_name]
        settings.OWN_ENDPOINTS = []
        image = random_image([100], seed=5)
        for tag in ("1.9", "1.10", "1.9-alpine", "latest", "stable"):
            registry.add_image("owner/app", tag, image)
        yield registry


def client_of(team: Team, caller: str = "developer") -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(team.users[caller])
    return client


def ask(
    team: Team, source: ScriptedRegistry, more: str = "", name: str = "owner/app", caller: str = "developer"
) -> Any:
    url = f"/projects/{team.project.pk}/source-tags?image_url={source.server_name}/{name}{more}"
    return call("GET", url, headers=team.bearer(caller))
