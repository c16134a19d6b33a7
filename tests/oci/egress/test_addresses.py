"""Every family of addresses that is not a public host, by a case of its own."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oci.egress import addresses
from oci.egress.addresses import is_metadata, non_public_reason, wrapped

#: One address of each family, and a word of the sentence about it.
NOT_PUBLIC = [
    ("0.0.0.0", "the unspecified address"),
    ("0.1.2.3", "the unspecified address"),
    ("10.0.0.1", "private network"),
    ("10.255.255.255", "private network"),
    ("100.64.0.1", "shared network"),
    ("100.127.255.255", "shared network"),
    ("127.0.0.1", "this machine"),
    ("127.255.255.254", "this machine"),
    ("169.254.0.1", "link-local"),
    ("172.16.0.1", "private network"),
    ("172.31.255.255", "private network"),
    ("192.0.0.8", "reserved"),
    ("192.0.2.1", "examples"),
    ("192.31.196.1", "reserved"),
    ("192.52.193.1", "reserved"),
    ("192.88.99.1", "contains another"),
    ("192.168.0.1", "private network"),
    ("192.175.48.1", "reserved"),
    ("198.18.0.1", "examples"),
    ("198.19.255.255", "examples"),
    ("198.51.100.1", "examples"),
    ("203.0.113.1", "examples"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.255", "multicast"),
    ("240.0.0.1", "reserved"),
    ("255.255.255.255", "reserved"),
    ("::", "the unspecified address"),
    ("::1", "this machine"),
    ("::2", "contains another"),
    ("::127.0.0.1", "contains another"),
    ("::ffff:127.0.0.1", "contains another"),
    ("::ffff:8.8.8.8", "contains another"),
    ("::ffff:0:10.0.0.1", "contains another"),
    ("64:ff9b::10.0.0.1", "contains another"),
    ("64:ff9b::8.8.8.8", "contains another"),
    ("64:ff9b:1::10.0.0.1", "contains another"),
    ("100::1", "reserved"),
    ("2001::1", "contains another"),
    ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "contains another"),
    ("2001:2::1", "reserved"),
    ("2001:10::1", "reserved"),
    ("2001:20::1", "reserved"),
    ("2001:db8::1", "examples"),
    ("2002:7f00:1::1", "contains another"),
    ("2002:808:808::1", "contains another"),
    ("2620:4f:8000::1", "reserved"),
    ("3fff::1", "examples"),
    ("4000::1", "reserved"),
    ("5f00::1", "reserved"),
    ("1::1", "reserved"),
    ("200::1", "reserved"),
    ("fc00::1", "private network"),
    ("fd12:3456::1", "private network"),
    ("fe80::1", "link-local"),
    ("febf::1", "link-local"),
    ("fe80::1%1", "link-local"),
    ("2606:4700::1%1", "link-local"),
    ("fec0::1", "private network"),
    ("ff02::1", "multicast"),
    ("ffff::1", "multicast"),
    ("2606:4700::5efe:10.0.0.1", "contains another"),
    ("2606:4700::200:5efe:127.0.0.1", "contains another"),
]

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.1",
    "169.253.255.255",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.1",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2003::1",
    "2606:4700:4700::1111",
    "2a00:1450:4001::1",
    "3ffe::1",
    "2606:4700::5efe:8.8.8.8",
]

METADATA = [
    "169.254.169.254",
    "169.254.169.253",
    "169.254.169.123",
    "169.254.170.2",
    "169.254.170.23",
    "169.254.0.23",
    "169.254.42.42",
    "100.100.100.200",
    "100.80.80.80",
    "100.96.0.96",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "fd00:100::100:200",
    "fd00:a9fe:a9fe::1",
    "fd00:c1::a9fe:a9fe",
    "fd00:42::42",
    "fe80::a9fe:a9fe",
    # and the same in disguise
    "::169.254.169.254",
    "::ffff:169.254.169.254",
    "::ffff:0:169.254.169.254",
    "::ffff:168.63.129.16",
    "64:ff9b::169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::169.254.169.254",
    "64:ff9b:1:a9fe:a9:fe00::",
    "2002:a9fe:a9fe::1",
    "2001:0:a9fe:a9fe::1",
    "2001:0:808:808:0:0:5601:5601",
    "fe80::5efe:169.254.169.254",
    "2606:4700::200:5efe:169.254.169.254",
]


@pytest.mark.parametrize(("text", "words"), NOT_PUBLIC)
def test_it_is_not_public(text: str, words: str) -> None:
    reason = non_public_reason(ipaddress.ip_address(text))
    assert reason is not None
    assert words in reason
    assert "x.y" in reason % {"host": "x.y"}


@pytest.mark.parametrize("text", PUBLIC)
def test_it_is_public(text: str) -> None:
    assert non_public_reason(ipaddress.ip_address(text)) is None
    assert not is_metadata(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", METADATA)
def test_it_is_a_metadata_service(text: str) -> None:
    assert is_metadata(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", ["169.254.1.1", "100.100.100.201", "192.0.0.8", "fd00::1", "127.0.0.1"])
def test_what_the_operator_may_allow_is_no_metadata_service(text: str) -> None:
    assert not is_metadata(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "text", ["2002:808:808::1", "64:ff9b::7f00:1", "fec0::1", "ff02::1", "168.63.129.16", "100.64.0.1"]
)
def test_what_some_pythons_call_global_is_refused_by_lists_of_our_own(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``ipaddress`` has called each of them global or not private in some release: it is not asked."""
    for kind in (ipaddress.IPv4Address, ipaddress.IPv6Address):
        for name in (
            "is_global",
            "is_private",
            "is_reserved",
            "is_multicast",
            "is_link_local",
            "is_loopback",
        ):
            monkeypatch.setattr(kind, name, property(lambda self: self.no_such_question))
    address = ipaddress.ip_address(text)
    assert non_public_reason(address) or is_metadata(address)


@pytest.mark.parametrize(
    ("text", "inner"),
    [
        ("::ffff:1.2.3.4", ["1.2.3.4"]),
        ("::1.2.3.4", ["1.2.3.4"]),
        ("64:ff9b::1.2.3.4", ["1.2.3.4"]),
        ("2002:102:304::1", ["1.2.3.4"]),
        ("2001:0:102:304:0:0:fefe:fdfb", ["1.2.3.4", "1.1.2.4"]),
        ("2606:4700::1", []),
        ("::1", []),
        ("::", []),
    ],
)
def test_wrapped_addresses_are_seen(text: str, inner: list[str]) -> None:
    assert [str(address) for address in wrapped(ipaddress.ip_address(text))] == inner


@pytest.mark.parametrize("text", ["64:ff9b:1:102:3:400::", "64:ff9b:1:1:2:304::", "64:ff9b:1:0:1:203:400:0"])
def test_local_nat64_is_read_with_every_prefix_length(text: str) -> None:
    assert ipaddress.ip_address("1.2.3.4") in wrapped(ipaddress.ip_address(text))


@pytest.mark.parametrize("name", ["_NON_PUBLIC_V4", "_NON_PUBLIC_V6"])
def test_every_entry_of_the_lists_is_held_by_a_case(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any one entry, some case above gets another verdict: none can be lost unnoticed."""
    cases = [ipaddress.ip_address(text) for text, _ in NOT_PUBLIC]
    whole = getattr(addresses, name)
    verdicts = [non_public_reason(case) for case in cases]
    for entry in whole:
        monkeypatch.setattr(addresses, name, tuple(other for other in whole if other is not entry))
        assert [non_public_reason(case) for case in cases] != verdicts, f"no case needs {entry[0]}"


def test_every_metadata_service_is_held_by_a_case(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [ipaddress.ip_address(text) for text in METADATA]
    whole = addresses._METADATA
    for entry in whole:
        monkeypatch.setattr(addresses, "_METADATA", tuple(other for other in whole if other is not entry))
        assert not all(is_metadata(case) for case in cases), f"no case needs {entry}"


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_in_ipv6_dress_is_never_public(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    for dressed in (
        number,
        0xFFFF << 32 | number,
        0xFFFF << 48 | number,
        0x64FF9B << 96 | number,
        0x2002 << 112 | number << 80,
        0x20010000 << 96 | number << 64,
    ):
        assert non_public_reason(ipaddress.IPv6Address(dressed))


@given(st.ip_addresses())
def test_what_the_standard_library_knows_as_private_is_never_public(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if address.is_private or address.is_loopback or address.is_multicast or address.is_reserved:
        assert non_public_reason(address)
