"""Receivers of webhooks, one that never answers among them, and a mail server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from imageimport.models import Webhook
from imageimport.webhooks import sender
from imageimport.webhooks import services as webhooks
from projects.models import Role
from testbed.scripted_http import Reply, ScriptedServer
from tests.support.factories import member
from tests.support.services.mail_server import MailServer


@pytest.fixture
def receiver(settings: Any) -> Iterator[ScriptedServer]:
    with ScriptedServer(lambda _request: Reply(204)) as server:
        settings.WEBHOOK_PRIVATE_HOSTS = [server.server_name]
        settings.OWN_ENDPOINTS = []
        yield server


@pytest.fixture
def hook(receiver: ScriptedServer) -> Webhook:
    user, project = member(Role.MAINTAINER)
    return webhooks.create(
        project=project, user=user, wanted=webhooks.NewWebhook(url=f"{receiver.url}/hook", secret="s3cret")
    )


@pytest.fixture
def silent(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """A receiver that never answers; tries at it end after a second."""
    monkeypatch.setattr(sender, "WHOLE_SECONDS", 1.0)
    with ScriptedServer() as server:

        def hang(_request: Any) -> Reply:
            server._stopping.wait(10)
            return Reply(200)

        server._handler = hang
        settings.WEBHOOK_PRIVATE_HOSTS = ["127.0.0.1", "localhost"]
        settings.OWN_ENDPOINTS = []
        yield server


@pytest.fixture
def server(settings: Any) -> Iterator[MailServer]:
    with MailServer() as server:
        server.use(settings)
        settings.PORTAL_URL = "https://portal.example.test"
        yield server
