"""Azure Container Registry: refresh tokens of Microsoft Entra are exchanged, service principals sign in as they are."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from oci.errors import OciError
from oci.registry.auth import acr
from oci.registry.auth.credentials import Credential
from testbed.scripted_http import Reply, Request
from tests.oci.registry.auth.clouds import Cloud, cloud

HOST, TENANT = "contoso.azurecr.io", "contoso.onmicrosoft.com"
USER, SECRET = f"refresh_token@{TENANT}", "0.AXoA-entra-refresh-token"


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Cloud]:
    """As https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md says."""
    nothing = lambda _request: Reply(404)  # noqa: E731
    with cloud(tmp_path, HOST, token_path="/oauth2/token", other="azure.test", answer=nothing) as made:

        def exchange(request: Request, _proceed: object) -> Reply:
            form = dict(parse_qsl(request.body.decode()))
            if form != {
                "grant_type": "refresh_token", "service": HOST, "tenant": TENANT, "refresh_token": SECRET,
            }:  # fmt: skip
                body = {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}
                return Reply(401, body=json.dumps(body).encode())
            given = f"acr-refresh-{len(made.tokens.refresh_tokens)}"
            made.tokens.refresh_tokens[given] = TENANT
            return Reply(body=json.dumps({"refresh_token": given}).encode())

        made.registry.rule("POST", "/oauth2/exchange", exchange)
        yield made


def test_a_refresh_token_is_exchanged_once_and_shown_to_no_other_address(azure: Cloud) -> None:
    reader = azure.reader(USER, SECRET)
    manifest = reader.get_manifest("1")
    reader.read_blob(manifest.blobs[0].digest, manifest.blobs[0].size)
    assert len(azure.asked("/oauth2/exchange")) == 1
    (asked,) = azure.asked("/oauth2/token")
    form = dict(parse_qsl(asked.body.decode()))
    assert (form["grant_type"], form["refresh_token"]) == ("refresh_token", "acr-refresh-0")
    assert (form["service"], form["scope"]) == (HOST, "repository:ns/app:pull")
    elsewhere = [each for each in azure.registry.requests if each.path != "/oauth2/exchange"]
    assert SECRET not in repr([(each.headers, each.query, each.body) for each in elsewhere])
    assert {each.target for each in azure.proxy.asked} == {f"{HOST}:443"}


def test_it_is_exchanged_again_when_the_registrys_own_token_has_ended(
    azure: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = azure.reader(USER, SECRET)
    assert reader.get_manifest("1")
    azure.tokens.refresh_tokens["acr-refresh-0"] = "ended"
    azure.tokens.forget()
    now = time.monotonic()
    monkeypatch.setattr("oci.registry.auth.credentials.time.monotonic", lambda: now + 3 * 3600)
    assert reader.get_manifest("1")
    assert len(azure.asked("/oauth2/exchange")) == 2
    assert b"acr-refresh-1" in azure.asked("/oauth2/token")[-1].body


def test_a_service_principal_signs_in_with_its_secret(azure: Cloud) -> None:
    app = "6c2f7a0e-9b1d-4a55-8a57-0c4a1f1d2b33"
    azure.tokens.accounts = {app: "its-secret"}
    assert azure.reader(app, "its-secret").get_manifest("1")
    (asked,) = azure.asked("/oauth2/token")
    assert (asked.method, asked.asked("scope")) == ("GET", "repository:ns/app:pull")
    assert azure.asked("/oauth2/exchange") == []


def test_a_refusal_names_the_registry_and_no_secret(azure: Cloud) -> None:
    with pytest.raises(OciError) as failed:
        azure.reader(USER, "wrong-token").get_manifest("1")
    assert failed.value.code == "unauthorized"
    assert HOST in str(failed.value) and "wrong-token" not in str(failed.value)
    assert azure.asked("/oauth2/token") == []


@pytest.mark.parametrize(
    ("host", "user", "is_lasting"),
    [
        (HOST, USER, True),
        ("contoso-abc123.azurecr.cn", "refresh_token@6c2f7a0e-9b1d-4a55-8a57-0c4a1f1d2b33", True),
        ("contoso.azurecr.io.example.com", USER, False),
        ("contoso.azurecr.io:5000", USER, False),
        ("azurecr.io", USER, False),
        (HOST, "refresh_token", False),
        (HOST, "refresh_token@", False),
        (HOST, "00000000-0000-0000-0000-000000000000", False),
    ],
)
def test_only_a_tenants_token_for_azures_own_names_is_exchanged(
    host: str, user: str, is_lasting: bool
) -> None:
    assert acr.is_lasting_token(Credential(host, user, SECRET)) is is_lasting
