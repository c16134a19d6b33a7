"""The portal's own services are recognised by every address that leads to them."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from types import SimpleNamespace

import pytest

from oci.egress import own_endpoints
from oci.egress.hosts import IpAddress
from oci.egress.own_endpoints import OwnEndpoints, is_this_machine
from oci.errors import OciError


def ip(text: str) -> IpAddress:
    return ipaddress.ip_address(text)


def resolving(**names: str) -> Callable[[str], Sequence[IpAddress]]:
    def resolve(host: str) -> Sequence[IpAddress]:
        if host not in names:
            raise OciError("unreachable", "no such host")
        return [ip(names[host])]

    return resolve


def has(endpoint: tuple[str, int], address: str, port: int, **names: str) -> bool:
    return OwnEndpoints([endpoint], resolving(**names)).has_address(ip(address), port)


def test_by_name() -> None:
    endpoints = OwnEndpoints([("Redis.", 6379), ("127.0.0.1", 8000)], resolving())
    assert endpoints.has_name("redis", 6379)
    assert endpoints.has_name("localhost", 8000)
    assert endpoints.has_name("::1", 8000)
    assert not endpoints.has_name("redis", 6380)
    assert not endpoints.has_name("other", 6379)


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        ("10.0.0.5", "10.0.0.5"),
        ("10.0.0.5", "::ffff:10.0.0.5"),
        ("10.0.0.5", "64:ff9b::10.0.0.5"),
        ("10.0.0.5", "2002:a00:5::1"),
        ("redis", "10.9.9.9"),
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "127.8.7.6"),
        ("127.0.0.1", "::1"),
        ("127.0.0.1", "0.0.0.0"),
        ("127.0.0.1", "::"),
        ("127.0.0.1", "::ffff:127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "::1"),
        ("localhost", "127.0.0.9"),
    ],
)
def test_by_address(endpoint: str, address: str) -> None:
    names = {"redis": "10.9.9.9", "localhost": "127.0.0.1"}
    assert has((endpoint, 6379), address, 6379, **names)
    assert not has((endpoint, 6379), address, 6380, **names)


def test_a_socket_file_is_no_place_on_the_network() -> None:
    endpoints = OwnEndpoints([("/run/postgresql", 5432), ("", 6379)], resolving())
    assert not endpoints.has_name("localhost", 5432)
    assert not endpoints.has_address(ip("127.0.0.1"), 6379)


def test_another_machine_is_not_ours() -> None:
    assert not has(("127.0.0.1", 5000), "10.0.0.5", 5000)
    assert not has(("10.0.0.5", 5000), "10.0.0.6", 5000)
    assert not has(("10.0.0.5", 5000), "127.0.0.1", 5000)


def test_this_machine_by_its_address_on_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that listens everywhere is also ours at the address of a network card."""
    monkeypatch.setattr(
        own_endpoints, "is_this_machine", lambda address: str(address) in ("127.0.0.1", "192.168.7.7")
    )
    assert has(("127.0.0.1", 8000), "192.168.7.7", 8000)
    assert not has(("127.0.0.1", 8000), "192.168.7.8", 8000)


def test_a_service_whose_name_is_away_is_remembered_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"redis": "10.9.9.9"}
    clock = [0.0]
    monkeypatch.setattr("oci.expiring.time", SimpleNamespace(monotonic=lambda: clock[0]))

    def look_up(host: str) -> Sequence[IpAddress]:
        return resolving(**names)(host)

    endpoints = OwnEndpoints([("redis", 6379)], look_up)
    assert endpoints.has_address(ip("10.9.9.9"), 6379)
    names.clear()
    clock[0] = 3600.0
    assert endpoints.has_address(ip("10.9.9.9"), 6379)
    names["redis"] = "10.9.9.10"
    clock[0] = 7200.0
    assert endpoints.has_address(ip("10.9.9.10"), 6379)


def test_a_name_is_not_looked_up_for_every_connection() -> None:
    asked: list[str] = []

    def resolve(host: str) -> Sequence[IpAddress]:
        asked.append(host)
        return [ip("10.9.9.9")]

    endpoints = OwnEndpoints([("redis", 6379)], resolve)
    assert not endpoints.has_address(ip("1.1.1.1"), 443)
    assert not asked
    for _ in range(3):
        assert not endpoints.has_address(ip("1.1.1.1"), 6379)
    assert asked == ["redis"]


def test_addresses_of_this_machine() -> None:
    assert is_this_machine(ip("127.0.0.1"))
    assert is_this_machine(ip("::1"))
    assert is_this_machine(ip("0.0.0.0"))
    assert not is_this_machine(ip("192.0.2.1"))
    assert not is_this_machine(ip("2001:db8::1"))
