"""Access keys for Amazon ECR: exchanged for a password by a signed call, which never shows the secret key."""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme

from oci.egress.door import Door, EgressPolicy
from oci.egress.proxies import parse_rules
from oci.errors import OciError
from oci.registry.auth import ecr
from oci.registry.auth.credentials import Credential
from oci.registry.repository import Repository
from testbed.images import random_image
from testbed.scripted_auth import BasicSignIn
from testbed.scripted_http import Reply, Request, ScriptedServer
from testbed.scripted_proxy import ScriptedProxy
from testbed.scripted_registry import ScriptedRegistry
from tests.oci.copying import client

#: The example of Amazon's documentation.
KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
USER = "AKIAIOSFODNN7EXAMPLE"
HOST, API = "123456789012.dkr.ecr.eu-central-1.amazonaws.com", "api.ecr.eu-central-1.amazonaws.com"


def test_a_signature_is_as_amazon_documents_it() -> None:
    at = dt.datetime(2015, 8, 30, 12, 36, tzinfo=dt.UTC)
    headers = {
        "content-type": "application/x-www-form-urlencoded; charset=utf-8",
        "host": "iam.amazonaws.com",
        "x-amz-date": ecr.amz_date(at),
    }
    signer = ecr.Signer(KEY, SECRET, "us-east-1", "iam")
    said = signer.authorization("GET", "/?Action=ListUsers&Version=2010-05-08", headers, b"", at)
    assert said == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date, "
        "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    )
    assert SECRET not in repr(signer)


@pytest.mark.parametrize(
    ("host", "user", "is_key"),
    [
        (HOST, USER, True),
        ("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", USER, True),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", USER, True),
        (HOST, "AWS", False),
        (HOST, "ASIAIOSFODNN7EXAMPLE", False),
        ("public.ecr.aws", USER, False),
        (f"{HOST}.evil.example", USER, False),
        ("ghcr.io", USER, False),
    ],
)
def test_only_an_access_key_for_amazons_own_names_is_exchanged(host: str, user: str, is_key: bool) -> None:
    assert ecr.is_access_key(Credential(host, user, SECRET)) is is_key


@pytest.mark.parametrize(
    ("host", "api"),
    [
        (HOST, API),
        ("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "ecr-fips.us-gov-west-1.amazonaws.com"),
        (
            "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
            "api.ecr.cn-north-1.amazonaws.com.cn",
        ),
    ],
)
def test_the_call_goes_to_the_registrys_own_region(host: str, api: str) -> None:
    url, headers = ecr.request(Credential(host, USER, SECRET), dt.datetime.now(dt.UTC))
    assert (url.scheme, url.authority) == ("https", api)
    assert SECRET not in repr(headers)


@dataclass
class Amazon:
    """A registry of Amazon's and its API, behind a proxy that knows where they are."""

    registry: ScriptedRegistry
    api: ScriptedServer
    proxy: ScriptedProxy
    ca_file: str
    #: What is answered, by the number of the call; the last goes on.
    answers: list[Reply] = field(default_factory=list)

    def reader(self) -> Repository:
        rules = parse_rules(f"*={self.proxy.url()}", {})
        door = Door(EgressPolicy(proxies=rules, ca_file=self.ca_file))
        made = client(
            self.registry,
            registry=HOST,
            base_url=None,
            door=door,
            credential=Credential(HOST, USER, SECRET),
        )
        return Repository(made, "ns/app")

    def asked(self) -> list[Request]:
        return self.api.seen("POST")


def password(text: str, seconds: float = 12 * 3600) -> Reply:
    """An answer with this password, as Amazon's."""
    token = base64.b64encode(f"AWS:{text}".encode()).decode()
    data = {
        "authorizationToken": token,
        "expiresAt": time.time() + seconds,
        "proxyEndpoint": f"https://{HOST}",
    }
    return Reply(body=json.dumps({"authorizationData": [data]}).encode())


@pytest.fixture
def amazon(tmp_path: Path) -> Iterator[Amazon]:
    authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(HOST, API).configure_cert(context)
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(authority.cert_pem.bytes())
    answers: list[Reply] = []

    def answer(_request: Request) -> Reply:
        return answers[min(len(api.seen("POST")), len(answers)) - 1]

    with (
        ScriptedServer(answer, tls=context) as api,
        ScriptedRegistry(tls=context, sign_in=BasicSignIn({"AWS": "first"})) as registry,
        ScriptedProxy() as proxy,
    ):
        registry.add_image("ns/app", "1", random_image([2048], seed=3))
        proxy.hosts = {HOST: f"127.0.0.1|{registry.port}", API: f"127.0.0.1|{api.port}"}
        made = Amazon(registry, api, proxy, str(ca_file), answers)
        yield made
        sent = repr([(each.headers, each.body, each.path) for each in (*api.requests, *registry.requests)])
        assert SECRET not in sent


def test_a_password_is_asked_for_once_and_shown_to_the_registry(amazon: Amazon) -> None:
    amazon.answers.append(password("first"))
    reader = amazon.reader()
    manifest = reader.get_manifest("1")
    reader.read_blob(manifest.blobs[0].digest, manifest.blobs[0].size)
    (asked,) = amazon.asked()
    assert asked.headers["x-amz-target"].endswith(".GetAuthorizationToken")
    shown = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=(\S+), SignedHeaders=(\S+), Signature=[0-9a-f]{64}", asked.authorization
    )
    assert shown and shown[1] == f"{USER}/{asked.headers['x-amz-date'][:8]}/eu-central-1/ecr/aws4_request"
    assert shown[2] == "content-type;host;x-amz-date;x-amz-target"
    assert {each.target for each in amazon.proxy.asked} == {f"{HOST}:443", f"{API}:443"}, (
        "all by its own rule"
    )


def test_the_next_import_has_a_new_password_where_the_old_one_has_ended(amazon: Amazon) -> None:
    amazon.answers += [password("first"), password("second")]
    assert amazon.reader().get_manifest("1")
    amazon.registry.sign_in = BasicSignIn({"AWS": "second"})
    assert amazon.reader().get_manifest("1")
    assert len(amazon.asked()) == 2


def test_a_password_that_ends_in_the_middle_is_renewed(
    amazon: Amazon, monkeypatch: pytest.MonkeyPatch
) -> None:
    amazon.answers += [password("first"), password("second")]
    reader = amazon.reader()
    assert reader.get_manifest("1")
    amazon.registry.sign_in = BasicSignIn({"AWS": "second"})
    now = time.monotonic()
    monkeypatch.setattr("oci.registry.auth.credentials.time.monotonic", lambda: now + 12 * 3600)
    header = reader.client.session.sign_in.header(())
    monkeypatch.undo()
    assert header == f"Basic {base64.b64encode(b'AWS:second').decode()}"


def refusal(kind: str, status: int = 400) -> Reply:
    return Reply(
        status, body=json.dumps({"__type": kind, "message": "The security token is invalid."}).encode()
    )


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (refusal("UnrecognizedClientException"), "unauthorized"),
        (refusal("AccessDeniedException"), "unauthorized"),
        (Reply(body=b"[]"), "protocol_error"),
        (Reply(body=b"{}"), "protocol_error"),
        (Reply(body=b'{"authorizationData": [{"authorizationToken": "a\\nb"}]}'), "protocol_error"),
        (Reply(body=b"<html>"), "protocol_error"),
        (refusal("ServerException", 500), "source_error"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.body.decode()[:20],
)
def test_a_refusal_names_amazons_host_and_no_secret(amazon: Amazon, reply: Reply, code: str) -> None:
    amazon.answers.append(reply)
    with pytest.raises(OciError) as failed:
        amazon.reader().get_manifest("1")
    assert failed.value.code == code
    assert API in str(failed.value)
    assert SECRET not in str(failed.value)
