"""The command that collects garbage, once or for good."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from projects.management.commands import collectgarbage
from projects.models import Project
from projects.retention import collection
from testbed.images import random_image
from testbed.services import RegistryServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(make_registry: Callable[..., RegistryServer], settings: Any) -> RegistryServer:
    """A registry whose files this process sees. Its tokens are not what these tests ask."""
    made = make_registry()
    settings.REGISTRY_URL = made.url
    settings.REGISTRY_STORAGE = str(made.plan.directory / "data")
    settings.REGISTRY_AUTH = "token"
    return made


def test_the_command_collects_once_and_says_what_it_freed(
    server: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection, "SETTLE_SECONDS", 0)
    Project.objects.create(name="team")
    server.push("team/app", "1", random_image([1000], seed=1))
    out = StringIO()
    call_command("collectgarbage", stdout=out)
    assert out.getvalue().startswith("Freed ")
    collection.request(user=None)
    with pytest.raises(CommandError):
        call_command("collectgarbage")


def test_the_watcher_outlives_a_database_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []

    def tick() -> bool:
        looks.append(1)
        if len(looks) == 1:
            raise OperationalError("the database system is shutting down")
        raise KeyboardInterrupt

    monkeypatch.setattr(collection, "tick", tick)
    monkeypatch.setattr(collectgarbage, "EVERY", 0.0)
    with pytest.raises(KeyboardInterrupt):
        call_command("collectgarbage", "--watch")
    assert len(looks) == 2
