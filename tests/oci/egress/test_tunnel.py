"""Connections through proxies of each kind: what they are asked, what is judged before, and every way of failing."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from oci.cancel import CancelToken
from oci.egress.door import Door, EgressPolicy
from oci.egress.proxies import Proxy, parse_rules
from oci.egress.tunnel import Wire, open_tunnel
from oci.errors import Canceled, OciError
from oci.http.transport import HttpTransport, Timeouts
from oci.urls import Url, parse_url
from testbed.scripted_proxy import Fault, ScriptedProxy
from testbed.scripted_registry import ScriptedRegistry
from tests.oci.egress.test_addresses import METADATA, NOT_PUBLIC
from tests.oci.egress.test_hosts import UNUSUAL_SPELLINGS
from tests.oci.listeners import black_hole, closed_port, listener

KINDS = ("http", "socks5", "socks5h")
MakeProxy = Callable[..., ScriptedProxy]


@pytest.fixture
def make_proxy() -> Iterator[MakeProxy]:
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(ScriptedProxy(**options))


def door(proxy_url: str, *answers: str, insecure: bool = True, pattern: str = "*", **lists: object) -> Door:
    """Everything goes by the proxy; the resolver gives ``answers`` for every name."""
    policy = EgressPolicy(
        proxies=parse_rules(f"{pattern}={proxy_url}", {}),
        insecure_sources=("far.example",) if insecure else (),
        **lists,  # type: ignore[arg-type]
    )
    return Door(policy, resolver=lambda _host: list(answers))


def ask(judge: Door, url: str) -> int:
    timeouts = Timeouts(connect_seconds=3, headers_seconds=3)
    transport = HttpTransport(door=judge, cancel=CancelToken(), timeouts=timeouts)
    try:
        response = transport.exchange("GET", parse_url(url), [])
        status = response.status
        response.close()
        return status
    finally:
        transport.close()


def failure(judge: Door, host: str = "far.example", port: int = 443, *, tls: bool = True) -> OciError:
    with pytest.raises(OciError) as failed:
        judge.connect(host, port, tls=tls, timeout=3).close()
    return failed.value


# --- what gets through ---------------------------------------------------------------------------------------


def test_plain_http_goes_to_an_http_proxy_in_absolute_form_with_its_password(
    make_proxy: MakeProxy, source: ScriptedRegistry
) -> None:
    proxy = make_proxy(account=("user", "pa:ss"), hosts={"far.example": "127.0.0.1"})
    judge = door(proxy.url(account="user:pa%3Ass"))
    url = f"http://far.example:{source.port}/v2/?a=b"
    assert ask(judge, url) == 200
    (asked,) = proxy.asked
    assert (asked.method, asked.target) == ("GET", url)
    # The source is told nothing of the proxy's account.
    assert all("proxy-authorization" not in request.headers for request in source.requests)


def test_https_goes_through_an_http_proxy_by_connect(make_proxy: MakeProxy) -> None:
    proxy = make_proxy(hosts={"far.example": "127.0.0.1"})
    failure(door(proxy.url()), port=closed_port())
    (asked,) = proxy.asked
    assert asked.method == "CONNECT"
    assert "Proxy-Authorization" not in asked.head


@pytest.mark.parametrize("account", [None, ("user", "pass")])
def test_socks5_is_handed_the_judged_address_and_never_the_name(
    make_proxy: MakeProxy, source: ScriptedRegistry, account: tuple[str, str] | None
) -> None:
    proxy = make_proxy(account=account)
    judge = door(
        proxy.url("socks5", "user:pass" if account else ""), "127.0.0.1", private_sources=("far.example",)
    )
    assert ask(judge, f"http://far.example:{source.port}/v2/") == 200
    assert [each.target for each in proxy.asked] == [f"127.0.0.1:{source.port}"]


def test_socks5h_is_handed_the_name_which_is_not_looked_up_here(
    make_proxy: MakeProxy, source: ScriptedRegistry
) -> None:
    proxy = make_proxy(hosts={"far.example": "127.0.0.1"})

    def resolver(host: str) -> list[str]:
        raise AssertionError(f"{host} was looked up")

    policy = EgressPolicy(
        proxies=parse_rules(f"*={proxy.url('socks5h')}", {}), insecure_sources=("far.example",)
    )
    assert ask(Door(policy, resolver=resolver), f"http://far.example:{source.port}/v2/") == 200
    assert [each.target for each in proxy.asked] == [f"far.example:{source.port}"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_host_that_no_pattern_names_is_reached_directly(
    make_proxy: MakeProxy, source: ScriptedRegistry, kind: str
) -> None:
    proxy = make_proxy()
    judge = door(proxy.url(kind), "127.0.0.1", pattern="other.example", private_sources=("far.example",))
    assert ask(judge, f"http://far.example:{source.port}/v2/") == 200
    assert proxy.asked == []


# --- what is judged before -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("address", [text for text, _ in NOT_PUBLIC] + METADATA)
def test_a_forbidden_literal_reaches_no_proxy(make_proxy: MakeProxy, kind: str, address: str) -> None:
    proxy = make_proxy()
    host = f"[{address}]" if ":" in address else address
    assert failure(door(proxy.url(kind)), host).code == "blocked_address"
    assert proxy.asked == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("host", UNUSUAL_SPELLINGS)
def test_an_unusual_spelling_reaches_no_proxy(make_proxy: MakeProxy, kind: str, host: str) -> None:
    proxy = make_proxy()
    assert failure(door(proxy.url(kind), "1.1.1.1"), host).code == "blocked_address"
    assert proxy.asked == []


@pytest.mark.parametrize("address", [text for text, _ in NOT_PUBLIC] + METADATA)
def test_a_name_that_leads_to_a_forbidden_address_is_not_handed_to_socks5(
    make_proxy: MakeProxy, address: str
) -> None:
    proxy = make_proxy()
    assert failure(door(proxy.url("socks5"), "1.1.1.1", address)).code == "blocked_address"
    assert proxy.asked == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("registry.inside.example", 5000),
        ("192.0.9.9", 5000),
        ("localhost", 443),
        ("metadata.google.internal", 80),
        ("far.example", 22),
        ("far.example", 6379),
    ],
)
def test_own_services_unusual_ports_and_names_of_this_machine_reach_no_proxy(
    make_proxy: MakeProxy, kind: str, host: str, port: int
) -> None:
    proxy = make_proxy()
    own = (("registry.inside.example", 5000), ("192.0.9.9", 5000))
    private = () if host == "localhost" else ("0.0.0.0/0",)
    judge = door(proxy.url(kind), "1.1.1.1", insecure=False, own_endpoints=own, private_sources=private)
    assert failure(judge, host, port).code == "blocked_address"
    assert proxy.asked == []


@pytest.mark.parametrize("kind", KINDS)
def test_plain_http_that_nobody_allowed_reaches_no_proxy(make_proxy: MakeProxy, kind: str) -> None:
    proxy = make_proxy()
    assert failure(door(proxy.url(kind), "1.1.1.1", insecure=False), tls=False).code == "blocked_address"
    assert proxy.asked == []


@pytest.mark.parametrize("address", METADATA)
def test_a_proxy_is_never_a_metadata_service(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    assert failure(door(f"socks5h://{host}:80")).code == "blocked_address"
    assert failure(door("http://proxy.example:3128", address)).code == "blocked_address"


# --- how it fails --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_an_absent_proxy_is_named_and_may_come_back(kind: str) -> None:
    port = closed_port()
    error = failure(door(f"{kind}://user:secret-9@127.0.0.1:{port}", "1.1.1.1"))
    assert (error.code, error.retryable) == ("proxy_error", True)
    assert f"127.0.0.1:{port}" in str(error)
    assert "far.example" in str(error)
    assert "secret-9" not in str(error)


@pytest.mark.parametrize(
    ("status", "retryable"), [(403, False), (407, False), (500, True), (502, True), (503, True), (404, False)]
)
@pytest.mark.parametrize("tls", [True, False])
def test_an_answer_of_an_http_proxy_is_its_error(
    make_proxy: MakeProxy, status: int, retryable: bool, tls: bool
) -> None:
    proxy = make_proxy()
    proxy.fault = Fault(status=status, headers=["X-Squid-Error: ERR 0"])
    judge = door(proxy.url(account="user:secret-9"))
    if not tls and status not in (403, 407):
        assert ask(judge, "http://far.example/") == status  # It may be the source's as well.
        return
    with pytest.raises(OciError) as failed:
        ask(judge, f"{'https' if tls else 'http'}://far.example/")
    assert (failed.value.code, failed.value.retryable) == ("proxy_error", retryable)
    assert proxy.name in str(failed.value)
    assert "secret-9" not in str(failed.value)


def test_a_403_of_the_source_stays_the_sources(make_proxy: MakeProxy) -> None:
    proxy = make_proxy()
    proxy.fault = Fault(status=403, headers=["Server: nginx"])
    assert ask(door(proxy.url()), "http://far.example/") == 403


@pytest.mark.parametrize(
    ("reply", "retryable"), [(1, True), (2, False), (3, True), (4, True), (5, True), (6, True), (8, False)]
)
@pytest.mark.parametrize("kind", ["socks5", "socks5h"])
def test_an_answer_of_a_socks_proxy_is_its_error(
    make_proxy: MakeProxy, kind: str, reply: int, retryable: bool
) -> None:
    proxy = make_proxy()
    proxy.fault = Fault(reply=reply)
    error = failure(door(proxy.url(kind), "1.1.1.1"))
    assert (error.code, error.retryable) == ("proxy_error", retryable)
    assert proxy.name in str(error)


@pytest.mark.parametrize("kind", ["socks5", "socks5h"])
@pytest.mark.parametrize("account", ["", "user:secret-9"])
def test_a_refused_password_of_a_socks_proxy_is_final(make_proxy: MakeProxy, kind: str, account: str) -> None:
    proxy = make_proxy(account=("user", "other"))
    error = failure(door(proxy.url(kind, account), "1.1.1.1"))
    assert (error.code, error.retryable) == ("proxy_error", False)
    assert proxy.asked == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("raw", [b"SSH-2.0-OpenSSH\r\n\r\n", b"\x05\x09", b""])
def test_what_is_no_proxy_is_told_so(make_proxy: MakeProxy, kind: str, raw: bytes) -> None:
    proxy = make_proxy()
    proxy.fault = Fault(raw=raw)
    error = failure(door(proxy.url(kind), "1.1.1.1"))
    assert error.code == "proxy_error"
    assert proxy.name in str(error)


@pytest.mark.parametrize("kind", KINDS)
def test_a_silent_proxy_ends_with_the_deadline_and_with_a_cancel(kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        judge = door(f"{kind}://127.0.0.1:{silent.getsockname()[1]}", "1.1.1.1")
        with pytest.raises(OciError) as failed:
            judge.connect("far.example", 443, tls=True, timeout=0.5)
        assert (failed.value.code, failed.value.retryable) == ("proxy_error", True)
        cancel = CancelToken()
        cancel.cancel()
        with pytest.raises(Canceled):
            judge.connect("far.example", 443, tls=True, timeout=30, check=cancel.check)
    with black_hole() as port, pytest.raises(OciError) as failed:
        door(f"{kind}://127.0.0.1:{port}", "1.1.1.1").connect("far.example", 443, tls=True, timeout=0.5)
    assert failed.value.code == "proxy_error"


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_bytes_of_the_source_right_behind_the_proxys_answer_are_kept(size: int) -> None:
    """However the answer is cut into pieces."""

    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        answer = b"HTTP/1.1 200 OK\r\nVia: x\r\n\r\nhello"
        for at in range(0, len(answer), size):
            connection.sendall(answer[at : at + size])
        connection.recv(1)

    with listener(serve) as port, socket.create_connection(("127.0.0.1", port)) as sock:
        sock.setblocking(False)
        open_tunnel(
            Wire(sock, time.monotonic() + 5, lambda: None),
            Proxy("http", "127.0.0.1", port),
            "far.example",
            443,
            None,
        )
        sock.settimeout(5)
        data = b""
        while len(data) < 5:
            data += sock.recv(5)
        assert data == b"hello"


def test_a_url_in_absolute_form_names_a_port_that_is_not_the_schemes() -> None:
    assert Url("http", "far.example", 80, "/v2/", "a=b").whole == "http://far.example/v2/?a=b"
    assert Url("http", "fd00::1", 5000, "/v2/").whole == "http://[fd00::1]:5000/v2/"
