"""Someone who pulls through the door: a project, and requests as the registry's front makes them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client

from imageimport.first_pull.held import HELD_SINCE
from oci.registry.retry import RetryBudget
from projects.models import Project
from projects.token_service.tokens import Access, mint
from testbed.scripted_registry import ScriptedRegistry
from tests.imageimport.conftest import source, target, work
from tests.support.factories import ProjectFactory

__all__ = ["source", "target", "work"]

Ask = Callable[..., HttpResponse]


@pytest.fixture(autouse=True)
def own_cache(settings: Any) -> Iterator[None]:
    """In memory: no Redis is started here."""
    settings.CACHES = {**settings.CACHES, "default": settings.CACHES["local"] | {"LOCATION": "first-pull"}}
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tried again is tried at once."""
    monkeypatch.setattr(RetryBudget, "pause", lambda *_: 0.0)


@pytest.fixture
def project(db: None) -> Project:
    return ProjectFactory(first_pull=Project.FirstPull.VIEWER)


@pytest.fixture
def ask(project: Project, source: ScriptedRegistry) -> Ask:
    """A question of the front about ``ns/app`` of the source, or about another name."""

    def question(
        subject: str,
        reference: str = "1",
        *,
        kind: str = "missing",
        name: str = "",
        held: float = 0,
        **more: Any,
    ) -> HttpResponse:
        full = name or f"{project.name}/{source.server_name.replace(':', '__')}/ns/app"
        token = mint(
            subject=subject,
            access=[Access("repository", full, ("pull",))],
            reads_only=more.get("reads_only", False),
        )
        headers = {"Authorization": f"Bearer {token.text}"}
        path = f"/service/first-pull/{kind}/v2/{full}/manifests/{reference}"
        if "forwarded" in more:
            headers["X-Forwarded-For"] = more["forwarded"]
        extra: dict[str, Any] = {HELD_SINCE: time.monotonic() - held} if held else {}
        client = Client()
        if "session_of" in more:
            client.force_login(more["session_of"], "django.contrib.auth.backends.ModelBackend")
        found = getattr(client, more.get("method", "get"))(path, headers=headers, **extra)
        assert isinstance(found, HttpResponse)
        return found

    return question
