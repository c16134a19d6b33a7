"""The portal's own services (web, Redis, database, registry), by whatever address they are reached."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final

from oci.egress.addresses import wrapped
from oci.egress.hosts import IpAddress, literal_address, normalise_host, same_host
from oci.errors import OciError
from oci.expiring import ExpiringSet

#: How long the addresses of an own service's name are believed.
_REMEMBER_SECONDS: Final = 30.0
#: Nothing is sent to it.
_ANY_PORT: Final = 9


class OwnEndpoints:
    """Recognises own services by name and by address.

    :param endpoints: host and port of each service.
    :param resolve: addresses of a name; an :class:`OciError` of it means that there are none now.
    """

    def __init__(
        self, endpoints: Iterable[tuple[str, int]], resolve: Callable[[str], Sequence[IpAddress]]
    ) -> None:
        # A database or Redis behind a socket file has no place on the network.
        on_network = ((host, port) for host, port in endpoints if host and not host.startswith("/"))
        self._endpoints = tuple((normalise_host(host), port) for host, port in on_network)
        self._resolve = resolve
        self._known: dict[str, tuple[IpAddress, ...]] = {}
        self._fresh = ExpiringSet[str](_REMEMBER_SECONDS)

    def has_name(self, host: str, port: int) -> bool:
        """Whether a normalised host is written as one of them."""
        return any(port == own_port and same_host(host, own) for own, own_port in self._endpoints)

    def has_address(self, address: IpAddress, port: int) -> bool:
        """Whether a connection to the address would reach one of them."""
        owns = {
            own for host, own_port in self._endpoints if own_port == port for own in self._addresses(host)
        }
        if not owns:
            return False
        candidates = (address, *wrapped(address))
        if owns.intersection(candidates):
            return True
        return any(map(is_this_machine, owns)) and any(map(is_this_machine, candidates))

    def _addresses(self, host: str) -> tuple[IpAddress, ...]:
        literal = literal_address(host)
        if literal is not None:
            return (literal,)
        if host not in self._fresh:
            with suppress(OciError):  # Away for the moment: what it was is the best guess.
                self._known[host] = tuple(self._resolve(host))
                self._fresh.add(host)
        return self._known.get(host, ())


def is_this_machine(address: IpAddress) -> bool:
    """Whether the address belongs to this machine: a socket can be bound to it, and what goes there leaves from there.

    The first alone says too little: with ``ip_nonlocal_bind`` (load balancers have it) any address can be bound. No
    packet is sent for the second.
    """
    if address.is_loopback or address.is_unspecified:
        return True
    family = socket.AF_INET if isinstance(address, ipaddress.IPv4Address) else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), _ANY_PORT))
            return ipaddress.ip_address(probe.getsockname()[0]) == address
    except OSError:
        return False
