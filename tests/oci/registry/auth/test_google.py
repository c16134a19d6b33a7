"""Google Artifact Registry: the key of a service account signs for tokens, and is itself sent nowhere."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from oci.errors import OciError
from oci.registry.auth import google
from oci.registry.auth.credentials import Credential
from testbed.scripted_http import Reply, Request
from tests.oci.registry.auth.clouds import Cloud, cloud

HOST = "europe-west3-docker.pkg.dev"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EMAIL = "puller@project.iam.gserviceaccount.com"


def pem(key: Any) -> str:
    form = serialization.PrivateFormat.PKCS8
    return str(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode())


def key_file(**changes: object) -> str:
    """As the console gives it."""
    said = {
        "type": "service_account",
        "project_id": "project",
        "private_key_id": "0123456789abcdef",
        "private_key": pem(KEY),
        "client_email": EMAIL,
        "token_uri": "https://evil.example.com/token",
    }
    return json.dumps({name: value for name, value in {**said, **changes}.items() if value is not None})


@dataclass
class Google:
    cloud: Cloud
    #: What is answered, by the number of the call; the last goes on.
    answers: list[Reply] = field(default_factory=list)


def token(value: str) -> Reply:
    said = {"access_token": value, "expires_in": 3599, "token_type": "Bearer"}
    return Reply(body=json.dumps(said).encode())


@pytest.fixture
def gar(tmp_path: Path) -> Iterator[Google]:
    answers: list[Reply] = []

    def answer(_request: Request) -> Reply:
        return answers[min(len(made.cloud.other.requests), len(answers)) - 1]

    with cloud(tmp_path, HOST, token_path="/v2/token", other=google.TOKEN_HOST, answer=answer) as there:
        there.tokens.accounts = {google.USERNAME: "ya29.first"}
        made = Google(there, answers)
        yield made
        sent = there.sent()
        assert "PRIVATE" not in sent and "private_key" not in sent


def read(part: str) -> dict[str, Any]:
    found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    assert isinstance(found, dict)
    return found


def test_the_key_signs_for_one_token_which_the_registry_is_shown(gar: Google) -> None:
    gar.answers.append(token("ya29.first"))
    reader = gar.cloud.reader(google.USERNAME, key_file())
    manifest = reader.get_manifest("1")
    reader.read_blob(manifest.blobs[0].digest, manifest.blobs[0].size)
    (asked,) = gar.cloud.other.requests
    form = dict(parse_qsl(asked.body.decode()))
    assert (asked.method, asked.path) == ("POST", "/token")
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    head, claims, signature = form["assertion"].split(".")
    assert read(head) == {"alg": "RS256", "typ": "JWT", "kid": "0123456789abcdef"}
    said = read(claims)
    assert (said["iss"], said["aud"]) == (EMAIL, "https://oauth2.googleapis.com/token")
    assert said["scope"].endswith(".read-only")
    assert said["exp"] - said["iat"] == 3600 and abs(said["iat"] - time.time()) < 600
    raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    KEY.public_key().verify(raw, f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
    assert {each.target for each in gar.cloud.proxy.asked} == {f"{HOST}:443", f"{google.TOKEN_HOST}:443"}


def test_a_token_that_has_ended_is_renewed(gar: Google, monkeypatch: pytest.MonkeyPatch) -> None:
    gar.answers += [token("ya29.first"), token("ya29.second")]
    reader = gar.cloud.reader(google.USERNAME, key_file())
    assert reader.get_manifest("1")
    gar.cloud.tokens.accounts = {google.USERNAME: "ya29.second"}
    gar.cloud.tokens.forget()
    now = time.monotonic()
    monkeypatch.setattr("oci.registry.auth.credentials.time.monotonic", lambda: now + 3600)
    assert reader.get_manifest("1")
    assert len(gar.cloud.other.requests) == 2


@pytest.mark.parametrize(
    "key",
    [
        "{",
        "{}",
        key_file(private_key=None),
        key_file(private_key="-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        key_file(private_key=pem(ec.generate_private_key(ec.SECP256R1()))),
        key_file(private_key=7),
        "[" * 5000,
    ],
    ids=["no JSON", "empty", "no key", "broken key", "another kind of key", "a number", "deep"],
)
def test_a_key_that_can_not_be_read_is_said_so_and_sent_nowhere(gar: Google, key: str) -> None:
    gar.answers.append(token("ya29.first"))
    with pytest.raises(OciError) as failed:
        gar.cloud.reader(google.USERNAME, key if key.startswith("{") else "{" + key).get_manifest("1")
    assert failed.value.code == "unauthorized"
    assert "whole JSON file" in str(failed.value)
    assert gar.cloud.other.requests == []


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(400, body=b'{"error": "invalid_grant", "error_description": "Invalid JWT"}'), "unauthorized"),
        (Reply(body=b"{}"), "protocol_error"),
        (Reply(body=b"[]"), "protocol_error"),
        (Reply(500), "source_error"),
    ],
)
def test_a_refusal_names_googles_host(gar: Google, reply: Reply, code: str) -> None:
    gar.answers.append(reply)
    with pytest.raises(OciError) as failed:
        gar.cloud.reader(google.USERNAME, key_file()).get_manifest("1")
    assert failed.value.code == code
    assert google.TOKEN_HOST in str(failed.value)


@pytest.mark.parametrize(
    ("host", "user", "password", "is_key"),
    [
        (HOST, google.USERNAME, "{", True),
        ("eu.gcr.io", google.USERNAME, " {", True),
        ("gcr.io", google.USERNAME, "{", True),
        (HOST, google.USERNAME, "ya29.of-gcloud", False),
        (HOST, "_json_key", "{", False),
        ("docker.pkg.dev.example.com", google.USERNAME, "{", False),
        (f"{HOST}.example.com", google.USERNAME, "{", False),
        (f"{HOST}:8443", google.USERNAME, "{", False),
    ],
)
def test_only_a_key_for_googles_own_names_is_exchanged(
    host: str, user: str, password: str, is_key: bool
) -> None:
    assert google.is_key(Credential(host, user, password)) is is_key


def test_the_user_name_that_google_offers_shows_the_registry_the_key_itself(tmp_path: Path) -> None:
    with cloud(
        tmp_path, HOST, token_path="/v2/token", other=google.TOKEN_HOST, answer=lambda _request: Reply(500)
    ) as there:
        there.tokens.accounts = {"_json_key": key_file()}
        assert there.reader("_json_key", key_file()).get_manifest("1")
        assert there.other.requests == []
