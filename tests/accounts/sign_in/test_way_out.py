"""The identity provider is asked by the way of its own setting: every kind of proxy, with the operator's authority."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import requests
import trustme
from django.test import RequestFactory

from accounts.sign_in import way_out
from accounts.sign_in.adapters import OidcAdapter
from oci.egress.proxies import parse_rules
from testbed.scripted_http import Reply, Request, ScriptedServer
from testbed.scripted_proxy import Fault, ScriptedProxy

NAME: Final = "login.far.example"
ACCOUNT: Final = ("portal", "s3cret:o")
WRITTEN: Final = "portal:s3cret%3Ao"


def answer(request: Request) -> Reply:
    """What it was asked, and how: as JSON."""
    if request.path == "/moved":
        return Reply(302, [("Location", "/token")])
    return Reply(200, [("Content-Type", "application/json")], b'{"access_token": "t"}')


@pytest.fixture
def provider(settings: Any, tmp_path: Path) -> Iterator[ScriptedServer]:
    """Behind TLS, by an authority that only ``IMPORT_CA_FILE`` names; nothing here can look its name up."""
    authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(NAME, "127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with ScriptedServer(answer, tls=context) as server:
        settings.IMPORT_CA_FILE = str(tmp_path / "ca.pem")
        settings.OIDC_SERVER_URL = f"https://{NAME}:{server.port}/.well-known/openid-configuration"
        yield server


def session(settings: Any, way: str) -> requests.Session:
    settings.OIDC_PROXY = parse_rules(f"*={way}", {}) if way else ()
    made: requests.Session = OidcAdapter(RequestFactory().get("/")).get_requests_session()
    return made


def test_without_a_way_it_is_asked_as_the_environment_says(settings: Any) -> None:
    made = session(settings, "")
    assert made.trust_env
    assert not isinstance(made.get_adapter("https://login.example/"), way_out.ByTheDoor)


@pytest.mark.parametrize("kind", ["http", "socks5h"])
def test_it_is_asked_through_the_proxy_which_looks_its_name_up(
    settings: Any, provider: ScriptedServer, kind: str
) -> None:
    with ScriptedProxy(account=ACCOUNT, hosts={NAME: "127.0.0.1"}) as proxy:
        asks = session(settings, proxy.url(kind, WRITTEN))
        url = f"https://{NAME}:{provider.port}"
        found = asks.get(f"{url}/moved")
        assert (found.status_code, found.json(), found.url) == (200, {"access_token": "t"}, f"{url}/token")
        told = asks.post(f"{url}/token", data={"code": "a b"}, auth=("portal", "secret"))
        assert told.headers["content-type"] == "application/json"
    assert {each.target for each in proxy.asked} == {f"{NAME}:{provider.port}"}
    (form,) = provider.seen("POST", "/token")
    assert form.body == b"code=a+b"
    assert form.headers["authorization"].startswith("Basic ")
    assert all("proxy-authorization" not in each.headers for each in provider.seen())


@pytest.mark.parametrize("kind", ["socks5", "direct"])
def test_it_may_be_inside_and_is_asked_by_the_address_that_was_looked_up(
    settings: Any, provider: ScriptedServer, kind: str
) -> None:
    settings.OIDC_SERVER_URL = f"https://127.0.0.1:{provider.port}/.well-known/openid-configuration"
    with ScriptedProxy(account=ACCOUNT) as proxy:
        asks = session(settings, "direct" if kind == "direct" else proxy.url(kind, WRITTEN))
        assert asks.get(f"https://127.0.0.1:{provider.port}/token").status_code == 200
    asked = [each.target for each in proxy.asked]
    assert asked == ([] if kind == "direct" else [f"127.0.0.1:{provider.port}"])


@pytest.mark.parametrize("fault", [Fault(status=407), Fault(status=403), None], ids=["407", "403", "absent"])
def test_a_proxy_that_refuses_is_named_without_its_password(
    settings: Any, provider: ScriptedServer, fault: Fault | None, caplog: pytest.LogCaptureFixture
) -> None:
    with ScriptedProxy(account=ACCOUNT) as proxy:
        proxy.fault = fault
        if fault is None:
            proxy.close()
        with pytest.raises(requests.RequestException) as failed:
            session(settings, proxy.url(account=WRITTEN)).get(f"https://{NAME}:{provider.port}/token")
    assert proxy.name in str(failed.value)
    assert "s3cret" not in str(failed.value) + caplog.text
    assert provider.seen() == []


@pytest.mark.parametrize(
    "url", ["https://169.254.169.254/latest", "http://elsewhere.example/token", "https://other.example:6379/"]
)
def test_what_the_provider_names_may_not_be_a_metadata_service_plain_http_or_another_service(
    settings: Any, provider: ScriptedServer, url: str
) -> None:
    with ScriptedProxy() as proxy:
        with pytest.raises(requests.RequestException):
            session(settings, proxy.url()).get(url)
        assert proxy.asked == []


def test_a_huge_answer_is_no_answer(
    settings: Any, provider: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(way_out, "MAX_ANSWER_BYTES", 10)
    settings.OIDC_SERVER_URL = f"https://127.0.0.1:{provider.port}/"
    with pytest.raises(requests.RequestException):
        session(settings, "direct").get(f"https://127.0.0.1:{provider.port}/token")
