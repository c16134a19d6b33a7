"""The operator's lists, and the verdict that follows from them."""

from __future__ import annotations

import ipaddress
import subprocess
import sys

import pytest

from oci.egress.addresses import METADATA_NAMES
from oci.egress.policy import EgressPolicy, Rules, is_usual_port
from oci.errors import OciError


def rules(**lists: object) -> Rules:
    return Rules(EgressPolicy(**lists), lambda _host: [])  # type: ignore[arg-type]


def may(judge: Rules, host: str, port: int, address: str | None = None) -> bool:
    """Whether name and, where given, address pass."""
    try:
        judge.check_name(host, port)
        if address is not None:
            judge.check_address(host, port, ipaddress.ip_address(address))
    except OciError as refused:
        assert refused.code == "blocked_address"
        assert host in str(refused)
        return False
    return True


# --- private sources ----------------------------------------------------------------------------------------
def test_nothing_private_without_the_operators_word() -> None:
    assert may(rules(), "ghcr.io", 443, "1.1.1.1")
    assert not may(rules(), "ghcr.io", 443, "10.0.0.1")
    assert not may(rules(), "10.0.0.1", 443)
    assert not may(rules(), "localhost", 5000)
    assert not may(rules(), "x.localhost", 5000)


def test_a_host_entry_matches_by_name() -> None:
    judge = rules(private_sources=("Registry.corp.",))
    assert may(judge, "registry.corp", 443, "10.0.0.1")
    assert may(judge, "registry.corp", 5000, "127.0.0.1")
    assert not may(judge, "evil.example", 443, "10.0.0.1")
    assert not may(judge, "sub.registry.corp", 443, "10.0.0.1")


def test_a_host_entry_with_a_port_matches_that_port() -> None:
    judge = rules(private_sources=("127.0.0.1:5050",))
    assert may(judge, "127.0.0.1", 5050)
    assert not may(judge, "127.0.0.1", 5051)
    assert not may(judge, "evil.example", 5050, "127.0.0.1")


def test_a_network_matches_by_address() -> None:
    judge = rules(private_sources=("10.1.0.0/16", "fd00:1::/32"))
    assert may(judge, "registry.corp", 443, "10.1.2.3")
    assert may(judge, "10.1.2.3", 443)
    assert may(judge, "registry.corp", 443, "fd00:1::5")
    assert not may(judge, "registry.corp", 443, "10.2.0.1")
    assert not may(judge, "registry.corp", 443, "fd00:2::5")


@pytest.mark.parametrize("entry", ["localhost", "127.0.0.1", "[::1]", "127.0.0.1:5050", "localhost:5050"])
@pytest.mark.parametrize(
    ("host", "address"), [("localhost", "127.0.0.1"), ("localhost", "::1"), ("127.0.0.1", "127.0.0.1")]
)
def test_this_machine_is_allowed_by_any_of_its_spellings(entry: str, host: str, address: str) -> None:
    assert may(rules(private_sources=(entry,)), host, 5050, address)


def test_a_loopback_network_allows_localhost() -> None:
    assert may(rules(private_sources=("127.0.0.0/8",)), "localhost", 5050, "127.0.0.1")
    assert not may(rules(private_sources=("10.0.0.0/8",)), "localhost", 5050)


def test_blank_entries_and_spaces_do_not_matter() -> None:
    judge = rules(private_sources=("", " 10.0.0.0/8 ", " registry.corp "))
    assert may(judge, "registry.corp", 443, "127.0.0.1")
    assert may(judge, "x.corp", 443, "10.0.0.1")


def test_a_network_of_wrappings_allows_only_what_is_allowed_inside() -> None:
    judge = rules(private_sources=("64:ff9b::/96", "10.0.0.0/8"))
    assert may(judge, "x.example", 443, "64:ff9b::8.8.8.8")
    assert may(judge, "x.example", 443, "64:ff9b::10.0.0.1")
    assert not may(judge, "x.example", 443, "64:ff9b::192.168.0.1")
    assert not may(judge, "x.example", 443, "64:ff9b::127.0.0.1")


@pytest.mark.parametrize(
    "entry", ["10.0.0.0/33", "x/8", "a b", "host:0", "http://host", "user@host", "[::1]:x"]
)
def test_a_malformed_entry_is_an_error_at_once(entry: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        rules(private_sources=(entry,))


# --- cloud metadata -----------------------------------------------------------------------------------------
EVERYTHING = EgressPolicy(
    private_sources=(
        "0.0.0.0/0",
        "::/0",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "metadata.google.internal",
        "x.example",
    ),
    trusted_hosts=frozenset({"169.254.169.254:80", "metadata.google.internal:80", "x.example:80"}),
)


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192",
     "::ffff:169.254.169.254", "64:ff9b::169.254.169.254", "2002:a9fe:a9fe::1"],
)  # fmt: skip
def test_metadata_is_never_allowed(address: str) -> None:
    judge = Rules(EVERYTHING, lambda _host: [])
    assert may(judge, "x.example", 80, "10.0.0.1")
    assert not may(judge, "x.example", 80, address)
    assert not may(judge, str(ipaddress.ip_address(address)), 80)


@pytest.mark.parametrize("name", sorted(METADATA_NAMES))
def test_names_of_metadata_services_are_never_looked_up(name: str) -> None:
    assert not may(Rules(EVERYTHING, lambda _host: []), name, 80)


# --- this machine by its public address ----------------------------------------------------------------------
#: Says of addresses whether a network namespace of its own lets them be contacted.
_IN_ITS_OWN_NETWORK = """
import ipaddress, sys
from oci.egress.policy import EgressPolicy
from oci.errors import OciError
from oci.egress.policy import Rules

def may(host, *listed):
    rules = Rules(EgressPolicy(private_sources=listed), lambda _: [])
    try:
        rules.check_address(host, 443, ipaddress.ip_address(host))
    except OciError as error:
        return error.code
    return "may"

print(may("93.184.215.14"), may("2606:2800:21f::1"), may("93.184.215.15"), may("2606:2800:21f::2"))
print(may("93.184.215.14", "93.184.215.14"), may("93.184.215.14", "93.184.215.0/24"), may("93.184.215.14", "other"))
"""


@pytest.mark.parametrize("nonlocal_bind", ["0", "1"])
def test_this_machine_is_refused_by_its_public_address_unless_listed(nonlocal_bind: str) -> None:
    """What a cloud's firewall hides would be reached from inside."""
    script = f"""set -e
        ip link set lo up
        ip address add 93.184.215.14/32 dev lo
        ip -6 address add 2606:2800:21f::1/128 dev lo
        ip route add default dev lo
        ip -6 route add default dev lo
        echo {nonlocal_bind} > /proc/sys/net/ipv4/ip_nonlocal_bind
        exec "$@"
    """
    said = subprocess.run(
        ["unshare", "--net", "sh", "-c", script, "sh", sys.executable, "-c", _IN_ITS_OWN_NETWORK],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout.splitlines()
    assert said[0].split() == ["blocked_address", "blocked_address", "may", "may"]
    assert said[1].split() == ["may", "may", "blocked_address"]


# --- own services -------------------------------------------------------------------------------------------
def test_own_services_are_refused_where_private_is_allowed() -> None:
    judge = rules(
        private_sources=("127.0.0.0/8", "localhost", "redis"),
        own_endpoints=(("127.0.0.1", 8000), ("redis", 6379)),
    )
    assert may(judge, "127.0.0.1", 5050)
    for host in ("127.0.0.1", "127.0.0.2", "localhost"):
        assert not may(judge, host, 8000, "127.0.0.1")
    assert not may(judge, "redis", 6379)
    assert not may(judge, "evil.example", 8000, "127.0.0.1")


def test_what_the_operator_configured_is_not_refused_as_our_own() -> None:
    judge = rules(trusted_hosts=frozenset({"127.0.0.1:5000"}), own_endpoints=(("127.0.0.1", 5000),))
    assert may(judge, "127.0.0.1", 5000)
    assert not may(judge, "evil.example", 5000, "127.0.0.1")


def test_trust_in_a_host_without_a_port_is_trust_in_its_web_ports() -> None:
    judge = rules(trusted_hosts=frozenset({"mirror.corp"}))
    assert may(judge, "mirror.corp", 443, "10.0.0.1")
    assert may(judge, "mirror.corp", 80, "10.0.0.1")
    assert not may(judge, "mirror.corp", 6379, "10.0.0.1")
    assert not may(judge, "mirror.corp", 5000, "10.0.0.1")


def test_a_trusted_host_may_be_anywhere_but_is_only_itself() -> None:
    judge = rules(trusted_hosts=frozenset({"mirror.corp:6379"}))
    assert may(judge, "mirror.corp", 6379, "10.0.0.1")
    assert not may(judge, "mirror.corp", 443, "10.0.0.1")
    assert not may(judge, "other.corp", 6379, "1.1.1.1")


# --- ports --------------------------------------------------------------------------------------------------
def test_unusual_ports_are_for_hosts_that_the_operator_named() -> None:
    assert not may(rules(), "ghcr.io", 22)
    assert not may(rules(), "ghcr.io", 6379)
    assert may(rules(private_sources=("redis.corp",)), "redis.corp", 6379)
    assert may(rules(insecure_sources=("old.corp:81",)), "old.corp", 81)
    assert may(rules(trusted_hosts=frozenset({"a.corp:22"})), "a.corp", 22)
    assert not may(rules(private_sources=("10.0.0.0/8",)), "10.0.0.1", 6379)
    assert not may(rules(private_sources=("a.corp:5000",)), "a.corp", 22)


# --- plain http ---------------------------------------------------------------------------------------------
def test_plain_http_is_for_whom_it_was_allowed() -> None:
    judge = rules(
        insecure_sources=("old.corp", "127.0.0.1:5050"),
        trusted_hosts=frozenset({"mirror.corp:5000"}),
    )
    assert judge.allows_plain_http("old.corp", 1234)
    assert judge.allows_plain_http("127.0.0.1", 5050)
    assert judge.allows_plain_http("mirror.corp", 5000)
    assert not judge.allows_plain_http("127.0.0.1", 5051)
    assert not judge.allows_plain_http("ghcr.io", 80)
    assert not judge.is_insecure("mirror.corp", 5000)


def test_to_be_insecure_is_not_to_be_private() -> None:
    assert not may(rules(insecure_sources=("10.0.0.1:5000",)), "10.0.0.1", 5000)


# --- ports --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("port", [80, 443, 1024, 4443, 5000, 5001, 8000, 8080, 8443, 30500, 65535])
def test_a_registry_may_be_there(port: int) -> None:
    assert is_usual_port(port)


@pytest.mark.parametrize(
    "port",
    [0, 1, 22, 23, 25, 53, 110, 389, 445, 631, 1023, 1433, 2049, 2375, 2376, 2379, 3306, 3389, 5432,
     5672, 5900, 6000, 6379, 6443, 8500, 9200, 10250, 11211, 26379, 27017, 65536, -1],
)  # fmt: skip
def test_a_registry_is_not_there(port: int) -> None:
    assert not is_usual_port(port)
