"""One POST to one webhook."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from typing import Any

import pytest

from imageimport.webhooks import sender
from imageimport.webhooks.sender import Parcel, Receiver, body_of, check_url, send, signature
from oci.egress.proxies import parse_rules
from oci.errors import OciError
from testbed.scripted_http import Reply, Request, ScriptedServer
from testbed.scripted_proxy import ScriptedProxy

PAYLOAD = {"event": "import.failed", "name": "镜像", "b": 1, "a": [2]}


def parcel(url: str, **values: Any) -> Parcel:
    return Parcel(Receiver(url, **values), uuid.uuid4(), "import.failed", PAYLOAD)


def test_the_body_is_signed_as_it_is_sent(receiver: ScriptedServer) -> None:
    sent = parcel(f"{receiver.url}/hook?x=1", secret="s3cret-wörd")
    receipt = send(sent)
    assert (receipt.status, receipt.delivered) == (204, True)
    (request,) = receiver.requests
    expected = hmac.new("s3cret-wörd".encode(), request.body, hashlib.sha256).hexdigest()
    assert request.headers["x-portal-signature-256"] == f"sha256={expected}"
    assert request.headers["x-portal-event"] == "import.failed"
    assert request.headers["x-portal-delivery"] == str(sent.delivery)
    assert request.headers["content-type"] == "application/json"
    assert (request.method, request.path, request.query) == ("POST", "/hook", [("x", "1")])
    assert json.loads(request.body) == PAYLOAD
    assert "s3cret" not in repr(sent)


def test_without_a_secret_nothing_is_signed(receiver: ScriptedServer) -> None:
    send(parcel(receiver.url))
    assert "x-portal-signature-256" not in receiver.requests[0].headers


def test_the_same_payload_has_the_same_bytes() -> None:
    assert body_of({"b": 1, "a": 2}) == body_of({"a": 2, "b": 1})
    assert signature("k", b"x") != signature("k2", b"x")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(receiver: ScriptedServer, status: int) -> None:
    receiver._handler = lambda _request: Reply(status, [("Location", f"{receiver.url}/elsewhere")])
    receipt = send(parcel(receiver.url))
    assert (receipt.status, receipt.delivered) == (status, False)
    assert "redirect" in str(receipt.error)
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("status", [400, 404, 410, 429, 500])
def test_another_answer_is_a_failure_that_names_it(receiver: ScriptedServer, status: int) -> None:
    receiver._handler = lambda _request: Reply(status, body=b"the body is nobody's business")
    receipt = send(parcel(receiver.url))
    assert not receipt.delivered
    assert str(receipt.error) == f"The receiver answered with status {status}."


def test_an_endless_answer_is_not_read(receiver: ScriptedServer) -> None:
    receiver._handler = lambda _request: Reply(200, body=b"x" * 10, length=10**12)
    assert send(parcel(receiver.url)).delivered


def test_a_receiver_that_says_nothing_is_given_up(
    receiver: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "ANSWER_SECONDS", 120.0)
    monkeypatch.setattr(sender, "WHOLE_SECONDS", 0.3)

    def hang(request: Request) -> Reply:
        receiver._stopping.wait(120)
        return Reply(200)

    receiver._handler = hang
    receipt = send(parcel(receiver.url))
    assert not receipt.delivered
    assert receipt.duration_ms < 60_000


def test_a_receiver_that_is_not_there_is_a_failure(settings: Any) -> None:
    settings.WEBHOOK_PRIVATE_HOSTS = ["127.0.0.1"]
    receipt = send(parcel("http://127.0.0.1:9/"))
    assert (receipt.status, receipt.delivered) == (None, False)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://10.1.2.3/hook",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://127.1/",
        "https://metadata.google.internal/",
        "http://hooks.example.com/",
        "https://hooks.example.com:6379/",
    ],
)
def test_inside_addresses_and_plain_http_are_refused_at_sight_and_when_sent(url: str, settings: Any) -> None:
    settings.WEBHOOK_PRIVATE_HOSTS = []
    with pytest.raises(OciError) as refused:
        check_url(url)
    assert refused.value.code == "blocked_address"
    receipt = send(parcel(url))
    assert receipt.error is not None
    assert receipt.error.code == "blocked_address"


@pytest.mark.parametrize(
    "url", ["", "ftp://x/", "https://user:pw@example.com/", "https://exa mple.com/", "javascript:x"]
)
def test_what_is_no_plain_url_is_refused(url: str) -> None:
    with pytest.raises(OciError):
        check_url(url)


@pytest.mark.parametrize(
    ("listed", "url"),
    [
        (["127.0.0.1"], "http://127.0.0.1:7777/"),
        (["127.0.0.1:7777"], "http://127.0.0.1:7777/"),
        (["127.0.0.0/8"], "http://127.0.0.1:7777/"),
        (["127.0.0.0/8"], "http://localhost:7777/"),
        (["10.0.0.0/8"], "https://10.1.2.3/"),
        (["hooks.internal"], "http://hooks.internal/"),
    ],
)
def test_what_the_operator_lists_may_be_inside_and_without_tls(
    listed: list[str], url: str, settings: Any
) -> None:
    settings.WEBHOOK_PRIVATE_HOSTS = listed
    settings.OWN_ENDPOINTS = []
    check_url(url)


def test_the_portals_own_services_are_refused_even_where_their_network_is_listed(settings: Any) -> None:
    settings.WEBHOOK_PRIVATE_HOSTS = ["127.0.0.0/8"]
    settings.OWN_ENDPOINTS = [("127.0.0.1", 7777)]
    with pytest.raises(OciError):
        check_url("http://127.0.0.1:7777/")


def test_cloud_metadata_is_refused_even_where_it_is_listed(settings: Any) -> None:
    settings.WEBHOOK_PRIVATE_HOSTS = ["169.254.0.0/16", "169.254.169.254"]
    with pytest.raises(OciError):
        check_url("http://169.254.169.254/")


def test_webhooks_go_by_their_own_proxy_and_never_by_a_sources(
    receiver: ScriptedServer, settings: Any
) -> None:
    with ScriptedProxy(account=("user", "secret-w")) as own, ScriptedProxy() as of_sources:
        settings.IMPORT_PROXIES = parse_rules(f"*={of_sources.url('socks5h')}", {})
        assert send(parcel(receiver.url)).delivered
        assert (own.asked, of_sources.asked) == ([], [])
        settings.WEBHOOK_PROXY = parse_rules(f"*={own.url('socks5h', 'user:secret-w')}", {})
        assert send(parcel(receiver.url)).delivered
        assert [each.target for each in own.asked] == [f"127.0.0.1:{receiver.port}"]
        own.close()
        error = send(parcel(receiver.url)).error
        assert error is not None
        assert error.code == "proxy_error"
        assert own.name in str(error)
        assert "secret-w" not in str(error)
        assert of_sources.asked == []
