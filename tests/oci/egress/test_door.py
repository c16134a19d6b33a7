"""The one door out, with real sockets on loopback: what is forbidden is never connected to."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence

import pytest

from oci.egress import door as egress
from oci.egress.door import Door, EgressPolicy, split_url
from oci.egress.hosts import IpAddress
from oci.errors import OciError
from tests.oci.egress.test_addresses import METADATA, NOT_PUBLIC
from tests.oci.egress.test_hosts import UNUSUAL_SPELLINGS
from tests.oci.listeners import black_hole, closed_port, listener


@pytest.fixture
def dialed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], int]]:
    """Every attempt to connect; none gets through."""
    attempts: list[tuple[list[str], int]] = []

    def record(addresses: Sequence[IpAddress], port: int, **_options: object) -> socket.socket:
        attempts.append(([str(address) for address in addresses], port))
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(egress, "dial", record)
    return attempts


@pytest.fixture
def server_port() -> Iterator[int]:
    with listener() as port:
        yield port


def door(*answers: str, **lists: object) -> Door:
    """A door whose resolver gives the answers for every name."""
    return Door(EgressPolicy(**lists), resolver=lambda _host: list(answers))  # type: ignore[arg-type]


def refusal(judge: Door, host: str, port: int = 443, *, tls: bool = True) -> OciError:
    with pytest.raises(OciError) as refused:
        judge.connect(host, port, tls=tls, timeout=2).close()
    assert refused.value.code == "blocked_address"
    assert str(refused.value)
    return refused.value


# --- every family, as a literal and behind a name -----------------------------------------------------------
@pytest.mark.parametrize("address", [text for text, _ in NOT_PUBLIC] + METADATA)
def test_a_name_that_leads_to_a_forbidden_address_is_refused(
    address: str, dialed: list[tuple[list[str], int]]
) -> None:
    refusal(door(address), "evil.example")
    assert dialed == []


@pytest.mark.parametrize("address", [text for text, _ in NOT_PUBLIC] + METADATA)
def test_a_literal_forbidden_address_is_refused_at_sight(
    address: str, dialed: list[tuple[list[str], int]]
) -> None:
    judge = door("1.1.1.1")
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(OciError) as refused:
        judge.check_literal(host, 443, "https")
    assert refused.value.code == "blocked_address"
    refusal(judge, host)
    assert dialed == []


@pytest.mark.parametrize("host", UNUSUAL_SPELLINGS)
def test_an_unusual_spelling_is_refused_even_where_its_address_is_allowed(
    host: str, dialed: list[tuple[list[str], int]]
) -> None:
    judge = door("127.0.0.1", private_sources=("0.0.0.0/0", "localhost"))
    with pytest.raises(OciError):
        judge.check_literal(host, 443, "https")
    refusal(judge, host)
    assert dialed == []


@pytest.mark.parametrize("bad", ["10.0.0.1", "127.0.0.1", "::1", "169.254.169.254", "fe80::1%2", "junk", ""])
@pytest.mark.parametrize("first", [True, False])
def test_one_bad_answer_among_good_ones_is_enough(
    bad: str, first: bool, dialed: list[tuple[list[str], int]]
) -> None:
    answers = [bad, "1.1.1.1", "2606:4700::1111"] if first else ["1.1.1.1", "2606:4700::1111", bad]
    refusal(door(*answers), "both.example")
    assert dialed == []


def test_an_address_with_a_scope_is_refused_even_where_its_network_is_allowed(
    dialed: list[tuple[list[str], int]],
) -> None:
    refusal(door("fe80::1%1", private_sources=("fe80::/10",)), "x.example")
    assert dialed == []


def test_a_public_name_goes_to_the_judged_addresses(dialed: list[tuple[list[str], int]]) -> None:
    with pytest.raises(OciError) as failed:
        door("1.1.1.1", "2606:4700::1111").connect("Good.Example.", 443, tls=True, timeout=2)
    assert failed.value.code == "unreachable"
    assert dialed == [(["1.1.1.1", "2606:4700::1111"], 443)]


def test_a_sentence_does_not_tell_what_a_name_means_inside() -> None:
    assert "10.1.2.3" not in str(refusal(door("10.1.2.3"), "probe.example"))


# --- names that change between check and connect ------------------------------------------------------------
def test_a_name_is_looked_up_once_for_a_connection(dialed: list[tuple[list[str], int]]) -> None:
    answers = iter(["1.1.1.1", "127.0.0.1", "127.0.0.1"])
    judge = Door(EgressPolicy(), resolver=lambda _host: [next(answers)])
    with pytest.raises(OciError):
        judge.connect("rebind.example", 443, tls=True, timeout=2)
    assert dialed == [(["1.1.1.1"], 443)]
    refusal(judge, "rebind.example")
    assert len(dialed) == 1


def test_the_peer_is_judged_again(server_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever sent the connection elsewhere, it is closed before a byte is written."""
    opened: list[socket.socket] = []

    def astray(_addresses: object, _port: int, **_options: object) -> socket.socket:
        opened.append(socket.create_connection(("127.0.0.1", server_port)))
        return opened[0]

    monkeypatch.setattr(egress, "dial", astray)
    error = refusal(door("1.1.1.1"), "good.example", server_port)
    assert "no public address" in str(error)
    assert opened[0].fileno() == -1


def test_a_peer_that_is_allowed_but_was_not_judged_is_refused(
    server_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        egress, "dial", lambda *_args, **_options: socket.create_connection(("127.0.0.1", server_port))
    )
    judge = door("127.0.0.2", private_sources=("127.0.0.0/8",))
    error = refusal(judge, "x.example", server_port)
    assert "a different address" in str(error)


# --- what works ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("entry", "host"),
    [
        ("localhost", "localhost"),
        ("localhost", "127.0.0.1"),
        ("127.0.0.1:{port}", "127.0.0.1"),
        ("127.0.0.1:{port}", "localhost"),
        ("localhost:{port}", "localhost"),
        ("127.0.0.0/8", "127.0.0.1"),
    ],
)
def test_a_source_on_this_machine_over_plain_http(entry: str, host: str, server_port: int) -> None:
    named = entry.format(port=server_port)
    judge = Door(EgressPolicy(private_sources=(named,), insecure_sources=(f"127.0.0.1:{server_port}",)))
    judge.check_literal(host, server_port, "http")
    assert judge.scheme_for(host, server_port) == "http"
    with judge.connect(host, server_port, tls=False, timeout=5) as sock:
        assert sock.getpeername() == ("127.0.0.1", server_port)
        assert sock.gettimeout() == 5
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_ipv6_on_this_machine() -> None:
    with listener(host="::1") as port:
        judge = Door(EgressPolicy(private_sources=(f"[::1]:{port}",), insecure_sources=("[::1]",)))
        with judge.connect("[::1]", port, tls=False, timeout=5) as sock:
            assert sock.getpeername()[0] == "::1"


def test_a_trusted_host_is_reached_over_plain_http(server_port: int) -> None:
    judge = Door(
        EgressPolicy(
            trusted_hosts=frozenset({f"127.0.0.1:{server_port}"}),
            own_endpoints=(("127.0.0.1", server_port),),
        )
    )
    assert judge.allows_plain_http("127.0.0.1", server_port)
    assert judge.scheme_for("127.0.0.1", server_port) == "https"
    judge.connect("127.0.0.1", server_port, tls=False, timeout=5).close()


def test_an_own_service_is_refused_behind_a_name_where_private_is_allowed(server_port: int) -> None:
    judge = door(
        "127.0.0.1",
        private_sources=("127.0.0.0/8", "web"),
        own_endpoints=(("localhost", server_port),),
    )
    for host in ("x.example", "127.0.0.1", "localhost", "127.1.1.1"):
        error = refusal(judge, host, server_port)
        # Of a name that is nobody's it is not told what it leads to.
        assert ("no public address" if host == "x.example" else "own services") in str(error)


# --- schemes and ports --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("host", "port", "scheme"),
    [
        ("old.corp", None, "http"),
        ("OLD.corp.", 9999, "http"),
        ("web.corp", None, "http"),
        ("web.corp", 443, "https"),
        ("five.corp", 5000, "http"),
        ("five.corp", None, "https"),
        ("ghcr.io", None, "https"),
        ("ghcr.io", 80, "https"),
    ],
)
def test_the_scheme_of_a_registry(host: str, port: int | None, scheme: str) -> None:
    judge = door(insecure_sources=("old.corp", "web.corp:80", "five.corp:5000"))
    assert judge.scheme_for(host, port) == scheme


def test_plain_http_needs_the_operators_word(dialed: list[tuple[list[str], int]]) -> None:
    judge = door("1.1.1.1")
    assert "plain HTTP" in str(refusal(judge, "ghcr.io", 80, tls=False))
    with pytest.raises(OciError, match="plain HTTP"):
        judge.check_literal("ghcr.io", 80, "http")
    with pytest.raises(OciError, match="plain HTTP"):
        judge.check_literal("ghcr.io", 80, "ftp")
    assert dialed == []


@pytest.mark.parametrize("port", [22, 25, 2375, 5432, 6379, 11211])
def test_ports_of_other_services_are_refused(port: int, dialed: list[tuple[list[str], int]]) -> None:
    assert f"Port {port} of ghcr.io" in str(refusal(door("1.1.1.1"), "ghcr.io", port))
    assert dialed == []


def test_webhooks_use_a_door_of_their_own() -> None:
    judge = door("1.1.1.1", insecure_sources=("example.com", "hooks.corp"), private_sources=("hooks.corp",))
    judge.check_literal("example.com", 80, "http")
    judge.check_literal("hooks.corp", 8080, "http")
    with pytest.raises(OciError):
        judge.check_literal("10.0.0.1", 443, "https")


# --- what goes wrong on the way -----------------------------------------------------------------------------
def failed(judge: Door, host: str, port: int, timeout: float = 2, *, tls: bool = False) -> OciError:
    with pytest.raises(OciError) as caught:
        judge.connect(host, port, tls=tls, timeout=timeout)
    assert caught.value.code == "unreachable"
    assert host in str(caught.value)
    return caught.value


LOCAL = EgressPolicy(private_sources=("localhost",), insecure_sources=("localhost",))


def test_nobody_listens() -> None:
    port = closed_port()
    error = failed(Door(LOCAL), "127.0.0.1", port)
    assert error.retryable
    assert f"refused the connection on port {port}" in str(error)


def test_nobody_answers() -> None:
    with black_hole() as port:
        error = failed(Door(LOCAL), "127.0.0.1", port, timeout=0.4)
    assert error.retryable
    assert "in time" in str(error)


@pytest.mark.parametrize(
    ("problem", "sentence", "retryable"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "no public address", False),
        (socket.gaierror(socket.EAI_NODATA, "No address"), "no public address", False),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure"), "Temporary failure", True),
        (TimeoutError(110, "took too long"), "took too long", True),
        (OSError(5, "broken"), "broken", True),
    ],
)
def test_a_name_that_cannot_be_looked_up(problem: OSError, sentence: str, retryable: bool) -> None:
    def resolver(_host: str) -> Sequence[str]:
        raise problem

    error = failed(Door(EgressPolicy(), resolver=resolver), "x.example", 443, tls=True)
    assert error.retryable is retryable
    assert sentence in str(error)


def test_a_name_without_addresses() -> None:
    assert "no public address" in str(failed(door(), "x.example", 443, tls=True))


# --- what a name's refusal tells ------------------------------------------------------------------------------
def sentence_for(judge: Door, host: str) -> str:
    with pytest.raises(OciError) as caught:
        judge.connect(host, 443, tls=True, timeout=2)
    return str(caught.value)


@pytest.mark.parametrize("host", ["vault.corp.internal", "registry-1.docker.io"])
@pytest.mark.parametrize("leads_to", [text for text, _ in NOT_PUBLIC] + METADATA)
def test_a_name_that_leads_inside_sounds_like_one_that_does_not_exist(host: str, leads_to: str) -> None:
    """Else anybody could ask which names the internal DNS knows."""
    assert sentence_for(door(leads_to), host) == sentence_for(door(), host)


def test_both_are_told_after_one_look_up_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def dialed(*_args: object, **_options: object) -> socket.socket:
        raise AssertionError("a connection was begun")

    monkeypatch.setattr(egress, "dial", dialed)
    asked: list[str] = []

    def resolver(host: str) -> list[str]:
        asked.append(host)
        return ["10.0.0.1"] if host == "inside.example" else []

    judge = Door(EgressPolicy(), resolver=resolver)
    for host in ("inside.example", "absent.example"):
        with pytest.raises(OciError) as caught:
            judge.connect(host, 443, tls=True, timeout=2)
        assert not caught.value.retryable
    assert asked == ["inside.example", "absent.example"]


def test_of_a_listed_name_the_operator_is_told_the_reason() -> None:
    lists = {"private_sources": ("inside.example:5000",), "insecure_sources": ("inside.example",)}
    assert sentence_for(door("10.0.0.1", **lists), "inside.example").endswith(
        "points to a private network, which is not allowed."
    )
    assert sentence_for(door(**lists), "inside.example") == "The host inside.example was not found."


@pytest.mark.parametrize("number", [socket.EAI_NONAME, socket.EAI_AGAIN])
def test_without_internet_nobodys_spelling_of_docker_hub_is_blamed(number: int) -> None:
    def resolver(_host: str) -> Sequence[str]:
        raise socket.gaierror(number, "No.")

    told = sentence_for(Door(EgressPolicy(), resolver=resolver), "registry-1.docker.io")
    assert told == (
        "Can't reach Docker Hub: this server can't look up registry-1.docker.io. "
        "It may have no internet access or DNS."
    )


def test_other_trouble_keeps_its_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_route(*_args: object, **_options: object) -> socket.socket:
        raise OSError(113, "No route to host")

    monkeypatch.setattr(egress, "dial", no_route)
    error = failed(door("1.1.1.1", insecure_sources=("x.example",)), "x.example", 80)
    assert "on port 80: No route to host." in str(error)


def test_a_malformed_policy_is_an_error_at_once() -> None:
    with pytest.raises(ValueError, match="bad entry"):
        door(insecure_sources=("http://host",))


def test_a_host_that_is_none_has_no_scheme() -> None:
    with pytest.raises(OciError):
        door().scheme_for("a b", 80)


# --- URLs ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://Example.COM./a?b=c#d", ("https", "example.com", 443, "/a?b=c")),
        ("HTTP://example.com", ("http", "example.com", 80, "/")),
        ("https://[2001:DB8:0::1]:8443/x", ("https", "2001:db8::1", 8443, "/x")),
        ("https://example.com?x=1", ("https", "example.com", 443, "/?x=1")),
        ("https://example.com/a%2Fb/%0d%0a", ("https", "example.com", 443, "/a%2Fb/%0d%0a")),
    ],
)
def test_a_url_is_split(url: str, parts: tuple[str, str, int, str]) -> None:
    found = split_url(url)
    assert (found.scheme, found.host, found.port, found.target) == parts


@pytest.mark.parametrize(
    ("location", "parts"),
    [
        ("/v2/x?_state=a", ("https", "base.example", 5000, "/v2/x?_state=a")),
        ("y", ("https", "base.example", 5000, "/v2/a/y")),
        ("../y", ("https", "base.example", 5000, "/v2/y")),
        ("?q=1", ("https", "base.example", 5000, "/v2/a/b?q=1")),
        ("//other.example/z", ("https", "other.example", 443, "/z")),
        ("http://other.example:81/z", ("http", "other.example", 81, "/z")),
    ],
)
def test_a_location_is_read_from_where_it_was_seen(location: str, parts: tuple[str, str, int, str]) -> None:
    found = split_url(location, split_url("https://base.example:5000/v2/a/b?old=1"))
    assert (found.scheme, found.host, found.port, found.target) == parts


BAD_URLS = [
    "",
    "example.com",
    "/path",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://example.com",
    "javascript:alert(1)",
    "https:/example.com",
    "https:example.com",
    "https://",
    "https:///x",
    "https://:80/",
    "https://user@example.com/",
    "https://user:pass@example.com/",
    "https://example.com@evil.example/",
    "https://evil.example\\@example.com/",
    "https://example.com\\x",
    "https://exam\nple.com/",
    "https://exam\tple.com/",
    "ht\ntps://example.com/",
    "https://example.com/\r\nX-Evil: 1",
    "https://example.com/\n",
    "\nhttps://example.com/",
    "https://example.com/ x",
    "https://example.com/\x00",
    "https://example.com/\x7f",
    "https://example.com/\u00e9",
    "https://example.com:0/",
    "https://example.com:65536/",
    "https://example.com:80x/",
    "https://example.com:+80/",
    "https://example.com:\u0661/",
    "https://ex%61mple.com/",
    "https://[::1/",
    "https://[::1]x/",
    "https://[fe80::1%25eth0]/",
    "https://[::ffff:1.2.3.4.5]/",
    "https://\uff11\uff12\uff17.0.0.1/",
    "https://\u2460\u2461\u2466.0.0.1/",
    "https://example\u3002com/",
    "https://" + "a" * 20_000,
]


@pytest.mark.parametrize("url", BAD_URLS, ids=lambda url: repr(url[:40]))
def test_a_url_that_could_be_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(OciError) as refused:
        split_url(url)
    assert refused.value.code in {"protocol_error", "blocked_address"}


@pytest.mark.parametrize("url", [url for url in BAD_URLS if "://" in url], ids=lambda url: repr(url[:40]))
def test_a_base_does_not_make_it_better(url: str) -> None:
    with pytest.raises(OciError):
        split_url(url, split_url("https://base.example/"))


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1", "0177.0.0.1", "0"])
def test_a_url_with_an_address_in_an_unusual_spelling_is_refused(host: str) -> None:
    with pytest.raises(OciError, match="unusual form"):
        split_url(f"https://{host}/")
