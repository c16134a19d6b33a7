"""A mail server that is slow, drips or wants a sign-in."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import trustme

from imageimport.models import WebhookDelivery
from imageimport.webhooks import services as webhooks
from imageimport.webhooks import smtp
from tests.imageimport.webhooks.mailing import TO, fail, make
from tests.support.services.mail_server import MailServer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mail may take one second."""
    monkeypatch.setattr(smtp, "WHOLE_SECONDS", 1.0)


def seconds_of_a_try(server: MailServer) -> float:
    """Of a mail that isn't sent."""
    fail(make().project)
    began = time.monotonic()
    assert webhooks.deliver_due() == 1
    assert server.received == []
    assert "mail server failed" in WebhookDelivery.objects.get().error
    return time.monotonic() - began


@pytest.mark.usefixtures("short")
def test_a_server_that_is_slow_each_time_is_given_up_in_time(server: MailServer) -> None:
    """Each of its answers comes within ``EMAIL_TIMEOUT``."""
    server.pause = 8.0
    assert seconds_of_a_try(server) < 20


@pytest.fixture
def over_tls(
    server: MailServer, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: Any
) -> None:
    """The server speaks TLS with a certificate that is trusted, where the parameter says so."""
    settings.EMAIL_USE_SSL = request.param
    if request.param:
        authority, server.tls = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1").configure_cert(server.tls)
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


on_both = pytest.mark.parametrize("over_tls", [False, True], ids=["plain", "TLS"], indirect=True)


@on_both
def test_a_server_that_wants_a_sign_in_gets_the_mail(
    server: MailServer, settings: Any, over_tls: None
) -> None:
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "portal", "secret-m"
    fail(make().project)
    assert webhooks.deliver_due() == 1
    assert [mail.recipients for mail in server.received] == [TO]


@on_both
@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("drips", ["greeting", "AUTH"])
def test_a_server_that_drips_is_given_up_in_time(
    server: MailServer, settings: Any, over_tls: None, drips: str
) -> None:
    """Before the mail itself: when it greets, and at the sign-in."""
    server.drips = drips
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "portal", "secret-m"
    assert seconds_of_a_try(server) < 20


def test_the_operators_mail_server_is_asked_with_an_end_to_each_mail() -> None:
    code = "from django.conf import settings; print(settings.EMAIL_BACKEND, settings.EMAIL_HOST)"
    env = {**os.environ, "EMAIL_URL": "smtp+tls://user:x@mail.example.com", "PORTAL_DOTENV": ""}
    said = subprocess.check_output([sys.executable, "-c", code], env=env, text=True)
    assert said.split() == ["imageimport.webhooks.smtp.Backend", "mail.example.com"]
