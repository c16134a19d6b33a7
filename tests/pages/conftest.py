"""Pages as a person meets them: signed-in clients by role, and whole sample projects."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from projects import reach
from tests.support.fresh import fresh_memory
from tests.support.people import Team

__all__ = ["fresh_memory"]

# Playwright keeps an event loop in this thread; the database is used from it all the same, by one thread at a time.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.fixture(autouse=True)
def _registry_is_there(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test of a page waits for a registry that nobody started."""
    reach.forget()
    monkeypatch.setattr(reach, "_knock", lambda _url: True)
    yield
    reach.forget()


@pytest.fixture
def team(db: None) -> Team:
    return Team.make("team")


@pytest.fixture
def as_(team: Team) -> Callable[..., Client]:
    """A client signed in as one of the team's callers; ``as_("viewer", language="zh-hans")``."""

    def sign_in(caller: str, *, language: str = "en") -> Client:
        client = Client(headers={"accept-language": language})
        if caller != "anonymous":
            client.force_login(team.users[caller])
        return client

    return sign_in


def htmx(client: Client, method: str, url: str, data: dict[str, Any] | None = None, **headers: str) -> Any:
    """A request as htmx makes it."""
    sent = {"hx-request": "true", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return getattr(client, method)(url, data or {}, headers=sent)
