"""What may be contacted: the operator's lists, and the verdict on one host, port and address."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from oci.egress.addresses import METADATA, METADATA_NAMES, IpNetwork, is_metadata, non_public_reason, wrapped
from oci.egress.hosts import IpAddress, literal_address, same_host, split_host_port
from oci.egress.own_endpoints import OwnEndpoints, is_this_machine
from oci.egress.ports import is_usual_port
from oci.errors import OciError, gettext_noop

_OWN: Final = gettext_noop("%(host)s is one of the portal's own services, which is never allowed.")
_PORT: Final = gettext_noop("Port %(port)d of %(host)s is not one where a registry is expected.")
_PLAIN_HTTP: Final = gettext_noop(
    "%(host)s would be contacted over plain HTTP, which the operator has not allowed for it."
)
_THIS_MACHINE: Final = gettext_noop("%(host)s leads to this machine itself, which is not allowed.")


#: Names that every resolver takes for this machine (RFC 6761, /etc/hosts).
_LOCALHOST_NAMES: Final = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})
_LOOPBACK: Final = (ipaddress.IPv4Address("127.0.0.1"), ipaddress.IPv6Address("::1"))


@dataclass(frozen=True)
class EgressPolicy:
    """The operator's word on outgoing connections. Hosts are names or addresses, IPv6 in brackets."""

    #: ``host``, ``host:port`` or CIDR that may be at non-public addresses. A host matches by name, a CIDR
    #: by address.
    private_sources: tuple[str, ...] = ()
    #: ``host[:port]`` reached over plain HTTP; without a port: any.
    insecure_sources: tuple[str, ...] = ()
    #: Host and port of the portal's own services: refused even where private addresses are allowed.
    own_endpoints: tuple[tuple[str, int], ...] = ()
    #: ``host[:port]`` that the operator configured (target registry, mirrors): any address but cloud
    #: metadata. Without a port: 80 and 443.
    trusted_hosts: frozenset[str] = frozenset()
    #: Certificate authorities in PEM, trusted besides the system's.
    ca_file: str | None = None
    #: Whether ``http`` is fine for every host (webhooks); registries have to be listed.
    plain_http: bool = False


@dataclass(frozen=True, slots=True)
class _HostRule:
    host: str
    port: int | None

    def matches(self, host: str, port: int) -> bool:
        return same_host(host, self.host) and self.port in (None, port)


def _host_rules(entries: Iterable[str]) -> tuple[_HostRule, ...]:
    return tuple(_HostRule(*split_host_port(entry.strip())) for entry in entries if entry.strip())


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
            self._insecure = _host_rules(policy.insecure_sources)
            self._trusted = _with_web_ports(_host_rules(policy.trusted_hosts))
            self._own = OwnEndpoints(policy.own_endpoints, resolve)
        except OciError as error:
            message = f"bad entry in the egress policy: {error}"
            raise ValueError(message) from None
        self._plain_http = policy.plain_http

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

    def check_scheme(self, host: str, port: int, scheme: str) -> None:
        """Refuse plain HTTP where nobody allowed it.

        :raises OciError: ``blocked_address``.
        """
        if scheme != "https" and not self.allows_plain_http(host, port):
            raise _blocked(_PLAIN_HTTP, host, port)

    def allows_plain_http(self, host: str, port: int) -> bool:
        """Whether ``http`` may be spoken with a host: listed, operator-configured, or fine for all."""
        return self._plain_http or self.is_insecure(host, port) or _matches(self._trusted, host, port)

    def is_insecure(self, host: str, port: int) -> bool:
        """Whether a host is listed for plain HTTP."""
        return _matches(self._insecure, host, port)

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


def _matches(rules: tuple[_HostRule, ...], host: str, port: int) -> bool:
    return any(rule.matches(host, port) for rule in rules)


def _is_localhost(host: str) -> bool:
    return host in _LOCALHOST_NAMES or host.endswith(".localhost")


def _blocked(template: str, host: str, port: int) -> OciError:
    return OciError("blocked_address", template, host=host, port=port)
