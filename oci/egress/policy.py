"""What may be contacted: the operator's lists, and the verdict on one host, port and address."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from oci.egress.addresses import METADATA, METADATA_NAMES, IpNetwork, is_metadata, non_public_reason, wrapped
from oci.egress.hosts import IpAddress, literal_address, same_host, split_host_port
from oci.egress.own_endpoints import OwnEndpoints, is_this_machine
from oci.egress.proxies import ProxyRule
from oci.errors import OciError, gettext_noop

_OWN: Final = gettext_noop("%(host)s is one of the portal's own services, which is never allowed.")
_PORT: Final = gettext_noop("Port %(port)d of %(host)s is not a port that registries use.")
_PLAIN_HTTP: Final = gettext_noop(
    "Reaching %(host)s would need plain HTTP, which the administrator has not allowed."
)
_THIS_MACHINE: Final = gettext_noop("%(host)s points to this machine, which is not allowed.")


#: Names that every resolver takes for this machine (RFC 6761, /etc/hosts).
_LOCALHOST_NAMES: Final = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})
_LOOPBACK: Final = (ipaddress.IPv4Address("127.0.0.1"), ipaddress.IPv6Address("::1"))

#: Which ports may be contacted at hosts that the operator did not name: below 1024 only the web's own. A registry can
#: be on any port, but a request to a mail or database server is an attack on it with our address.
_LOW: Final = frozenset({80, 443})

#: Above 1023 everything but the well-known ports of services that do not speak to strangers.
_SERVICES: Final = frozenset(
    {
        1080,  # SOCKS
        1433,  # SQL Server
        1521,  # Oracle
        1883,  # MQTT
        2049,  # NFS
        2181,  # ZooKeeper
        *(2375, 2376, 2377),  # Docker Engine and Swarm
        *(2379, 2380),  # etcd
        3128,  # Squid
        3268,  # global catalogue
        3306,  # MySQL
        3389,  # remote desktop
        4369,  # Erlang
        *(4505, 4506),  # Salt
        *(5432, 5433, 6432),  # PostgreSQL and its poolers
        *(5671, 5672, 15672, 25672),  # RabbitMQ
        *range(5900, 5911),  # VNC
        5984,  # CouchDB
        *(5985, 5986),  # WinRM
        *range(6000, 6064),  # X11
        *(6379, 6380, 16379, 26379),  # Redis
        *(6443, 10250, 10255, 10256, 10257, 10259),  # Kubernetes
        *(7000, 7001, 9042, 9160),  # Cassandra
        *(7473, 7474, 7687),  # Neo4j
        8009,  # AJP
        *(8086, 8125),  # InfluxDB, StatsD
        *(8200, 8201, 8300, 8301, 8500, 8501, 8600),  # Vault, Consul
        *(9090, 9091, 9093, 9100),  # Prometheus and its exporters, printers
        9092,  # Kafka
        *(9200, 9300),  # Elasticsearch
        11211,  # memcached
        *(27017, 27018, 27019, 28017),  # MongoDB
        61616,  # ActiveMQ
    }
)


@dataclass(frozen=True)
class EgressPolicy:
    """The operator's word on outgoing connections. Hosts are names or addresses, IPv6 in brackets."""

    #: ``host``, ``host:port`` or CIDR that may be at non-public addresses. A host matches by name, a CIDR
    #: by address.
    private_sources: tuple[str, ...] = ()
    #: ``host[:port]`` reached over plain HTTP, without a port: any; or a CIDR, for hosts that are written as
    #: addresses.
    insecure_sources: tuple[str, ...] = ()
    #: Host and port of the portal's own services: refused even where private addresses are allowed.
    own_endpoints: tuple[tuple[str, int], ...] = ()
    #: ``host[:port]`` that the operator configured (target registry, mirrors): any address but cloud
    #: metadata. Without a port: 80 and 443.
    trusted_hosts: frozenset[str] = frozenset()
    #: Certificate authorities in PEM, trusted besides the system's.
    ca_file: str | None = None
    #: By which proxy which hosts are reached; the first that fits counts, and where none fits: directly.
    proxies: tuple[ProxyRule, ...] = ()


@dataclass(frozen=True, slots=True)
class _HostRule:
    host: str
    port: int | None

    def matches(self, host: str, port: int) -> bool:
        if self.port not in (None, port):
            return False
        return host.endswith(self.host[1:]) if self.host.startswith("*.") else same_host(host, self.host)


def _host_rules(entries: Iterable[str]) -> tuple[_HostRule, ...]:
    return tuple(_host_rule(entry.strip()) for entry in entries if entry.strip())


def _host_rule(entry: str) -> _HostRule:
    """``host``, ``host:port``, or ``*.`` before either for all names below it."""
    wild = "*." if entry.startswith("*.") else ""
    host, port = split_host_port(entry.removeprefix("*."))
    return _HostRule(wild + host, port)


def _with_web_ports(rules: Iterable[_HostRule]) -> tuple[_HostRule, ...]:
    """Trust in a URL without a port is trust in its scheme's port, not in all that runs on that machine."""
    return tuple(
        _HostRule(rule.host, port)
        for rule in rules
        for port in ((80, 443) if rule.port is None else (rule.port,))
    )


def _is_network(entry: str) -> bool:
    return "/" in entry


def _networks(entries: Iterable[str]) -> tuple[IpNetwork, ...]:
    return tuple(ipaddress.ip_network(entry.strip(), strict=False) for entry in entries)


class Rules:
    """A policy made ready for judging.

    Hosts are given normalised; every refusal is an :class:`OciError` with ``blocked_address``.

    :raises ValueError: when the policy has an entry that is neither a host nor a network.
    """

    def __init__(self, policy: EgressPolicy, resolve: Callable[[str], Sequence[IpAddress]]) -> None:
        try:
            self._private = _host_rules(entry for entry in policy.private_sources if not _is_network(entry))
            self._networks = _networks(entry for entry in policy.private_sources if _is_network(entry))
            self._insecure = _host_rules(entry for entry in policy.insecure_sources if not _is_network(entry))
            self._insecure_networks = _networks(
                entry for entry in policy.insecure_sources if _is_network(entry)
            )
            self._trusted = _with_web_ports(_host_rules(policy.trusted_hosts))
            self._own = OwnEndpoints(policy.own_endpoints, resolve)
        except (OciError, ValueError) as error:
            message = f"bad entry in the egress policy: {error}"
            raise ValueError(message) from None

    def check_name(self, host: str, port: int) -> None:
        """Refuse what can be told without looking the name up.

        :raises OciError: ``blocked_address``.
        """
        address = literal_address(host)
        if address is not None:
            self.check_address(host, port, address)
        elif host in METADATA_NAMES:
            raise _blocked(METADATA, host, port)
        elif not _matches(self._trusted, host, port):
            if self._own.has_name(host, port):
                raise _blocked(_OWN, host, port)
            loopback_allowed = any(self._is_in_private_network(address) for address in _LOOPBACK)
            if _is_localhost(host) and not _matches(self._private, host, port) and not loopback_allowed:
                raise _blocked(_THIS_MACHINE, host, port)
        if not is_usual_port(port) and not self.is_named(host, port):
            raise _blocked(_PORT, host, port)

    def check_address(self, host: str, port: int, address: IpAddress) -> None:
        """Judge one address that ``host`` is or leads to.

        :raises OciError: ``blocked_address``.
        """
        if is_metadata(address):
            raise _blocked(METADATA, host, port)
        if _matches(self._trusted, host, port):
            return
        if self._own.has_name(host, port) or self._own.has_address(address, port):
            raise _blocked(_OWN, host, port)
        reason = non_public_reason(address) or (_THIS_MACHINE if is_this_machine(address) else None)
        if reason is None or _matches(self._private, host, port) or self._is_in_private_network(address):
            return
        raise _blocked(reason, host, port)

    def check_proxy(self, host: str, port: int, address: IpAddress | None = None) -> None:
        """Judge a proxy, by its name or by one address of it. The operator named it, so it may be anywhere but at a
        cloud's metadata service.

        :raises OciError: ``blocked_address``.
        """
        if host in METADATA_NAMES or (address is not None and is_metadata(address)):
            raise _blocked(METADATA, host, port)

    def check_scheme(self, host: str, port: int, scheme: str) -> None:
        """Refuse plain HTTP where no one allowed it.

        :raises OciError: ``blocked_address``.
        """
        if scheme != "https" and not self.allows_plain_http(host, port):
            raise _blocked(_PLAIN_HTTP, host, port)

    def allows_plain_http(self, host: str, port: int) -> bool:
        """Whether ``http`` may be spoken with a host: listed, or operator-configured."""
        return self.is_insecure(host, port) or _matches(self._trusted, host, port)

    def is_insecure(self, host: str, port: int) -> bool:
        """Whether a host is listed for plain HTTP."""
        if _matches(self._insecure, host, port):
            return True
        address = literal_address(host)
        return address is not None and any(address in network for network in self._insecure_networks)

    def is_named(self, host: str, port: int) -> bool:
        """Whether the operator has listed this host, for whatever."""
        return any(_matches(rules, host, port) for rules in (self._private, self._insecure, self._trusted))

    def _is_in_private_network(self, address: IpAddress) -> bool:
        """Whether the operator's networks hold the address and every non-public one that it wraps."""
        if not any(address in network for network in self._networks):
            return False
        return all(
            non_public_reason(inner) is None or self._is_in_private_network(inner)
            for inner in wrapped(address)
        )


def is_usual_port(port: int) -> bool:
    """Whether a registry, token server, storage or webhook may be expected at ``port``."""
    return port in _LOW or (1023 < port <= 65535 and port not in _SERVICES)


def _matches(rules: tuple[_HostRule, ...], host: str, port: int) -> bool:
    return any(rule.matches(host, port) for rule in rules)


def _is_localhost(host: str) -> bool:
    return host in _LOCALHOST_NAMES or host.endswith(".localhost")


def _blocked(template: str, host: str, port: int) -> OciError:
    return OciError("blocked_address", template, host=host, port=port)
