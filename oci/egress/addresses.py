"""Which IP addresses are public, by lists of our own.

``ipaddress.is_global`` is true on Python 3.11 for 6to4, NAT64, ``fec0::``, multicast and 168.63.129.16, and
changes from release to release; what may be contacted is too important for that.

Sources: the IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890 and its successors), and the
documentation of the clouds for their metadata services.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Final

from oci.egress.hosts import IpAddress
from oci.errors import gettext_noop

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# The sentences name the host and not the address: what a name means inside is no one's business outside.
_LOOPBACK: Final = gettext_noop("%(host)s points to this machine, which is not allowed.")
_PRIVATE: Final = gettext_noop("%(host)s points to a private network, which is not allowed.")
_LINK_LOCAL: Final = gettext_noop("%(host)s points to a link-local address, which is not allowed.")
_SHARED: Final = gettext_noop("%(host)s points to a provider's shared network, which is not allowed.")
_MULTICAST: Final = gettext_noop("%(host)s points to a multicast address, which is not allowed.")
_DOCUMENTATION: Final = gettext_noop(
    "%(host)s points to an address reserved for examples and tests, which is not allowed."
)
_RESERVED: Final = gettext_noop("%(host)s points to a reserved address, which is not allowed.")
_UNSPECIFIED: Final = gettext_noop("%(host)s points to the unspecified address, which is not allowed.")
_TRANSLATED: Final = gettext_noop(
    "%(host)s points to an address that contains another address, which is not allowed."
)
METADATA: Final = gettext_noop("%(host)s points to a cloud metadata service, which is never allowed.")

#: Everything of IPv4 that is not a public host.
_NON_PUBLIC_V4: Final = tuple(
    (ipaddress.IPv4Network(network), reason)
    for network, reason in (
        ("0.0.0.0/8", _UNSPECIFIED),
        ("10.0.0.0/8", _PRIVATE),
        ("100.64.0.0/10", _SHARED),
        ("127.0.0.0/8", _LOOPBACK),
        ("169.254.0.0/16", _LINK_LOCAL),
        ("172.16.0.0/12", _PRIVATE),
        ("192.0.0.0/24", _RESERVED),
        ("192.0.2.0/24", _DOCUMENTATION),
        ("192.31.196.0/24", _RESERVED),  # AS112
        ("192.52.193.0/24", _RESERVED),  # AMT
        ("192.88.99.0/24", _TRANSLATED),  # 6to4 relays
        ("192.168.0.0/16", _PRIVATE),
        ("192.175.48.0/24", _RESERVED),  # AS112
        ("198.18.0.0/15", _DOCUMENTATION),  # benchmarks
        ("198.51.100.0/24", _DOCUMENTATION),
        ("203.0.113.0/24", _DOCUMENTATION),
        ("224.0.0.0/4", _MULTICAST),
        ("240.0.0.0/4", _RESERVED),  # with the broadcast address
    )
)

#: IPv6 hands out public addresses from here only.
_PUBLIC_V6: Final = ipaddress.IPv6Network("2000::/3")
#: What is not public, with the reason; whatever is in neither list is reserved.
_NON_PUBLIC_V6: Final = tuple(
    (ipaddress.IPv6Network(network), reason)
    for network, reason in (
        ("::/128", _UNSPECIFIED),
        ("::1/128", _LOOPBACK),
        ("::ffff:0:0/96", _TRANSLATED),  # IPv4-mapped
        ("::ffff:0:0:0/96", _TRANSLATED),  # IPv4-translated
        ("::/96", _TRANSLATED),  # IPv4-compatible
        ("64:ff9b::/96", _TRANSLATED),  # NAT64
        ("64:ff9b:1::/48", _TRANSLATED),  # NAT64, local use
        ("2001::/32", _TRANSLATED),  # Teredo
        ("2001::/23", _RESERVED),  # protocol assignments: benchmarks, ORCHID, AMT and others
        ("2001:db8::/32", _DOCUMENTATION),
        ("2002::/16", _TRANSLATED),  # 6to4
        ("2620:4f:8000::/48", _RESERVED),  # AS112
        ("3fff::/20", _DOCUMENTATION),
        ("fc00::/7", _PRIVATE),
        ("fe80::/10", _LINK_LOCAL),
        ("fec0::/10", _PRIVATE),  # site-local, given up
        ("ff00::/8", _MULTICAST),
    )
)

#: Never contacted, whatever the operator allows: who reads them becomes the machine's cloud account.
_METADATA: Final[tuple[IpNetwork, ...]] = tuple(
    ipaddress.ip_network(network)
    for network in (
        "169.254.169.0/24",  # nearly every cloud at .254; AWS's name and time servers at .253 and .123
        "169.254.170.0/24",  # AWS: credentials of containers at .2, of pods at .23
        "169.254.0.23/32",  # Tencent
        "169.254.42.42/32",  # Scaleway
        "100.100.100.200/32",  # Alibaba
        "100.80.80.80/32",  # UCloud
        "100.96.0.96/32",  # Volcengine
        "168.63.129.16/32",  # Azure: looks public
        "192.0.0.192/32",  # Oracle
        "fd00:ec2::/32",  # AWS: ::254, and ::23, ::123, ::253 as above
        "fd20:ce::/32",  # Google
        "fd00:100::100:200/128",  # Alibaba
        "fd00:a9fe:a9fe::1/128",  # Linode
        "fd00:c1::/32",  # Oracle
        "fd00:42::42/128",  # Scaleway
        "fe80::a9fe:a9fe/128",  # OpenStack
    )
)

#: Names of metadata services, refused before they are looked up.
METADATA_NAMES: Final = frozenset(
    {
        "metadata",
        "metadata.google.internal",
        "metadata.goog",
        "metadata.tencentyun.com",
        "metadata.azure.internal",
        "metadata.azure.com",
        "metadata.platformequinix.com",
        "metadata.packet.net",
        "instance-data",
        "instance-data.ec2.internal",
    }
)

_LOW_32: Final = 0xFFFFFFFF


def non_public_reason(address: IpAddress) -> str | None:
    """Why an address is not a public host, a sentence about ``%(host)s``; None when it is one."""
    if isinstance(address, ipaddress.IPv4Address):
        return next((reason for network, reason in _NON_PUBLIC_V4 if address in network), None)
    if address.scope_id is not None:
        return _LINK_LOCAL
    for network, reason in _NON_PUBLIC_V6:
        if address in network:
            return reason
    if address not in _PUBLIC_V6:
        return _RESERVED
    # A public prefix may still end in the tunnel of someone's private address (ISATAP).
    return _TRANSLATED if any(non_public_reason(inner) for inner in wrapped(address)) else None


def is_metadata(address: IpAddress) -> bool:
    """Whether the address, or one wrapped in it, is a cloud's metadata service."""
    return any(candidate in network for candidate in (address, *wrapped(address)) for network in _METADATA)


def wrapped(address: IpAddress) -> tuple[ipaddress.IPv4Address, ...]:
    """The IPv4 addresses that packets to this IPv6 address may really go to."""
    return tuple(_wrapped(address)) if isinstance(address, ipaddress.IPv6Address) else ()


def _wrapped(address: ipaddress.IPv6Address) -> Iterator[ipaddress.IPv4Address]:
    number = int(address)
    top_32, top_16 = number >> 96, number >> 112
    low = ipaddress.IPv4Address(number & _LOW_32)
    if number >> 32 in (0, 0xFFFF, 0xFFFF << 16) and number > 1:  # compatible, mapped, translated
        yield low
    if top_32 == 0x0064FF9B:  # NAT64, either prefix: at the end of a /96
        yield low
        yield from _wrapped_short_prefix(number)
    if top_16 == 0x2002:  # 6to4
        yield ipaddress.IPv4Address(number >> 80 & _LOW_32)
    if top_32 == 0x20010000:  # Teredo: the server plainly, the client inverted
        yield ipaddress.IPv4Address(number >> 64 & _LOW_32)
        yield ipaddress.IPv4Address(~number & _LOW_32)
    if number >> 32 & 0xFFFFFFFF in (0x00005EFE, 0x02005EFE):  # ISATAP
        yield low


def _wrapped_short_prefix(number: int) -> Iterator[ipaddress.IPv4Address]:
    """RFC 6052: behind a prefix of 48, 56 or 64 bits the address lies around the byte at bits 64 to 71.

    Which prefix it was can't be seen, so all are read; a reading in 0.0.0.0/8 is only padding.
    """
    without_byte = (number >> 64 << 56) | (number & (1 << 56) - 1)
    for after in (40, 32, 24):
        inner = without_byte >> after & _LOW_32
        if inner >= 1 << 24:
            yield ipaddress.IPv4Address(inner)
