"""Hosts have one spelling, and everything that only looks like a name is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oci.egress.hosts import (
    bracketed,
    literal_address,
    normalise_host,
    parse_port,
    same_host,
    shown,
    split_host_port,
)
from oci.errors import OciError


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("ghcr.io", "ghcr.io"),
        ("GHCR.io.", "ghcr.io"),
        ("registry", "registry"),
        ("my_registry.internal", "my_registry.internal"),
        ("xn--n3h.com", "xn--n3h.com"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("10.0.0.1", "10.0.0.1"),
        ("10.0.0.1.", "10.0.0.1"),
        ("[2001:DB8:0:0:0:0:0:1]", "2001:db8::1"),
        ("2001:db8::0001", "2001:db8::1"),
        ("[::ffff:127.0.0.1]", "::ffff:127.0.0.1"),
        ("[::ffff:7f00:1]", "::ffff:127.0.0.1"),
        ("[0:0:0:0:0:FFFF:7F00:0001]", "::ffff:127.0.0.1"),
        ("[::127.0.0.1]", "::7f00:1"),
        ("[64:ff9b::10.0.0.1]", "64:ff9b::a00:1"),
        ("1.2.3.4.example", "1.2.3.4.example"),
        ("0x7f.example", "0x7f.example"),
        ("a" * 63 + ".x", "a" * 63 + ".x"),
    ],
)
def test_one_spelling(text: str, host: str) -> None:
    assert normalise_host(text) == host


UNUSUAL_SPELLINGS = [
    "2130706433",  # decimal
    "0x7f000001",  # hexadecimal
    "0X7F000001",
    "017700000001",  # octal
    "0177.0.0.1",
    "0x7f.0.0.1",
    "0x7f.1",
    "127.1",  # short
    "127.0.1",
    "127.0.0.01",
    "127.0.0.256",
    "127.0.0.1.1",
    "1",
    "0",
    "0x",
    "0.0.0.0x1",
    "example.1",
    "4294967296",
    "99999999999999999999",
]


@pytest.mark.parametrize("text", UNUSUAL_SPELLINGS)
@pytest.mark.parametrize("dot", ["", "."])
def test_an_address_in_an_unusual_spelling_is_refused(text: str, dot: str) -> None:
    with pytest.raises(OciError, match="unusual form") as refused:
        normalise_host(text + dot)
    assert refused.value.code == "blocked_address"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460",  # a resolver reads 127.0.0.1
        ".",
        "..",
        "a..b",
        ".a",
        "-a",
        "a-",
        "a b",
        "a\tb",
        "a\nb",
        "a\r\nb",
        "ghcr.io\n",
        "\nghcr.io",
        "a\x00b",
        "a\x7fb",
        "user@host",
        "a\\b",
        "a%b",
        "127.0.0.1%00.example.com",
        "a/b",
        "a?b",
        "a#b",
        "a:b",
        "a;b",
        "a,b",
        "a'b",
        '"a"',
        "a*b",
        "a" * 64,
        ".".join(["a" * 60] * 5),
        "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460",  # circled digits
        "\uff11\uff12\uff17.0.0.1",  # full-width digits
        "127\u30020\u30020\u30021",  # an ideographic full stop
        "ghcr\u3002io",
        "lo\u200bcalhost",
        "l\u04e7calhost",
        "b\u00fccher.example",
        "[ghcr.io]",
        "[127.0.0.1]",
        "[]",
        "[::1",
        "::1]",
        "[:::1]",
        "[1:2:3:4:5:6:7:8:9]",
        "[::1]x",
        "\u212aube.example",  # the Kelvin sign, whose lower case is a plain k
        "xn--",
        "xn--\u0661",
        "xn--127-.com",  # decodes to plain digits
        "xn--a-ecp.ru",  # is not punycode
        "xn--99999999999",
    ],
    ids=repr,
)
def test_it_is_no_host(text: str) -> None:
    with pytest.raises(OciError) as refused:
        normalise_host(text)
    assert refused.value.code == "blocked_address"
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    "digits", ["\uff11\uff12\uff17", "\u2460\u2461\u2466", "\U0001d7d9\U0001d7da\U0001d7df", "\uff1127"]
)
def test_punycode_that_hides_plain_digits_is_refused(digits: str) -> None:
    label = "xn--" + digits.encode("punycode").decode("ascii")
    with pytest.raises(OciError, match="not a valid host name or address"):
        normalise_host(f"{label}.0.0.x")


@pytest.mark.parametrize("text", ["[fe80::1%eth0]", "fe80::1%1", "[fe80::1%25eth0]", "[::1%lo]"])
def test_an_address_with_a_scope_is_refused(text: str) -> None:
    with pytest.raises(OciError, match="network interface"):
        normalise_host(text)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("ghcr.io", ("ghcr.io", None)),
        ("GHCR.io.:5000", ("ghcr.io", 5000)),
        ("[::1]", ("::1", None)),
        ("[::1]:1", ("::1", 1)),
        ("127.0.0.1:65535", ("127.0.0.1", 65535)),
    ],
)
def test_host_and_port(text: str, parts: tuple[str, int | None]) -> None:
    assert split_host_port(text) == parts


@pytest.mark.parametrize(
    "text",
    [
        "a:",
        "a:0",
        "a:65536",
        "a:-1",
        "a:+1",
        "a: 1",
        "a:1 ",
        "a:1\n",
        "a:\u0661",
        "a:1_0",
        "a:0x50",
        "a:111111",
        "a:1:2",
        "::1",
        "[::1]1",
        "[::1]:",
        "[::1",
        ":80",
        "user@a:1",
    ],
    ids=repr,
)
def test_no_host_and_port(text: str) -> None:
    with pytest.raises(OciError) as refused:
        split_host_port(text)
    assert refused.value.code == "blocked_address"


def test_a_port_is_plain_digits() -> None:
    assert parse_port("00080", "a") == 80
    with pytest.raises(OciError, match="between 1 and 65535"):
        parse_port("80\n", "a")


def test_a_name_is_no_literal_address() -> None:
    assert literal_address("ghcr.io") is None
    assert str(literal_address("::1")) == "::1"
    assert bracketed("::1") == "[::1]"
    assert bracketed("ghcr.io") == "ghcr.io"


def test_this_machine_has_three_spellings() -> None:
    assert same_host("localhost", "127.0.0.1")
    assert same_host("::1", "localhost")
    assert same_host("ghcr.io", "ghcr.io")
    assert not same_host("localhost", "127.0.0.2")


def test_a_host_is_shown_without_what_cannot_be_printed() -> None:
    assert shown("a\x1b[31m\u202eb\n") == "a?[31m?b?"
    assert len(shown("a" * 5000)) == 100


@given(st.text(max_size=40) | st.from_regex(r"[0-9a-fx.:\[\]%-]{1,30}", fullmatch=True))
def test_any_text_is_one_plain_host_or_refused(text: str) -> None:
    try:
        host = normalise_host(text)
    except OciError as refused:
        assert refused.code == "blocked_address"
        return
    assert host.isascii()
    assert host == host.lower()
    assert not set(host) & set(" \t\r\n@\\%/?#[]")
    assert normalise_host(bracketed(host)) == host


@given(st.ip_addresses(v=4))
def test_every_plain_ipv4_address_is_itself(address: object) -> None:
    assert normalise_host(str(address)) == str(address)


@given(st.integers(0, 2**32 - 1), st.sampled_from(["{}", "0x{:x}", "0{:o}"]))
def test_no_number_is_a_host(number: int, spelling: str) -> None:
    with pytest.raises(OciError):
        normalise_host(spelling.format(number))
