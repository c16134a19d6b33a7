"""Host names and ports as text: one spelling for each, everything doubtful refused.

``getaddrinfo`` takes ``2130706433``, ``0x7f000001``, ``127.1`` and full-width digits for addresses, so a
host that only looks like a name never gets that far.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from typing import Final

from oci import limits
from oci.errors import OciError, gettext_noop

_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?", re.ASCII)
#: A last label that system libraries read as a number: the host is then an IPv4 address in some spelling.
_PORT: Final = re.compile(r"[0-9]{1,5}", re.ASCII)
_NUMERIC: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_DOTTED_QUAD: Final = re.compile(r"(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})", re.ASCII)

#: Spellings of this machine that operators use for one another.
LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
#: Where Docker Hub is: itself, its registry, its token server.
DOCKER_HUB_HOSTS: Final = frozenset({"docker.io", "registry-1.docker.io", "auth.docker.io"})

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def shown(text: str) -> str:
    """A host fit for a sentence: what can't be printed is replaced, and it ends somewhere."""
    return "".join(character if character.isprintable() else "?" for character in text[:100])


def normalise_host(text: str) -> str:
    """The one spelling of a host: lower case, no trailing dot, IPv6 without brackets and shortest.

    :raises OciError: ``blocked_address`` for anything that is not plainly a DNS name or an address.
    """
    host = text.lower() if text.isascii() else _refuse(text)
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        if ":" not in host:
            _refuse(text)
    if ":" in host:
        return _normal_ipv6(host, text)
    host = host.removesuffix(".")
    labels = host.split(".")
    if len(host) > limits.HOST_CHARS or not all(_is_label(label) for label in labels):
        _refuse(text)
    if _NUMERIC.fullmatch(labels[-1]):
        _check_dotted_quad(host, text)
    return host


def literal_address(host: str) -> IpAddress | None:
    """The address that a normalised host is, None when it is a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def spelled(address: IpAddress) -> str:
    """The one spelling of an address, whatever Python spells it (RFC 5952, section 5: an IPv4-mapped one ends in dots).

    Python 3.11 writes ``::ffff:7f00:1`` where 3.13 writes ``::ffff:127.0.0.1``. A saved host has to be found again
    after an upgrade, and two processes have to agree.
    """
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return f"::ffff:{mapped}" if mapped else str(address)


def bracketed(host: str) -> str:
    """A normalised host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def split_host_port(text: str) -> tuple[str, int | None]:
    """``host``, ``host:port``, ``[v6]`` or ``[v6]:port``, the host normalised.

    :raises OciError: ``blocked_address`` for a malformed host or a port outside 1-65535.
    """
    if text.startswith("["):
        host, bracket, rest = text.partition("]")
        host += bracket
    else:
        host, colon, port = text.partition(":")
        rest = colon + port
        if ":" in port:
            _refuse(text)
    if rest and not rest.startswith(":"):
        _refuse(text)
    return normalise_host(host), parse_port(rest[1:], text) if rest else None


def parse_port(digits: str, text: str) -> int:
    """A port between 1 and 65535 in plain digits; ``text`` is what the sentence names.

    :raises OciError: ``blocked_address``.
    """
    if not _PORT.fullmatch(digits) or not 1 <= int(digits) <= 65535:
        raise OciError(
            "blocked_address",
            gettext_noop("The port of %(host)s must be between 1 and 65535."),
            host=shown(text),
        )
    return int(digits)


def same_host(one: str, other: str) -> bool:
    """Whether two normalised hosts are one; the spellings of this machine are."""
    return one == other or (one in LOOPBACK_NAMES and other in LOOPBACK_NAMES)


def _refuse(text: str) -> str:
    raise OciError(
        "blocked_address", gettext_noop("%(host)s is not a valid host name or address."), host=shown(text)
    )


def _normal_ipv6(host: str, text: str) -> str:
    if "%" in host:
        raise OciError(
            "blocked_address",
            gettext_noop("%(host)s names a network interface of this machine, which is not allowed."),
            host=shown(text),
        )
    try:
        return spelled(ipaddress.IPv6Address(host))
    except ValueError:
        return _refuse(text)


def _check_dotted_quad(host: str, text: str) -> None:
    if _DOTTED_QUAD.fullmatch(host) and all(int(part) <= 255 for part in host.split(".")):
        return
    raise OciError(
        "blocked_address",
        gettext_noop(
            "%(host)s is an IP address in an unusual form. Write it as four decimal numbers, for example"
            " 192.0.2.1."
        ),
        host=shown(text),
    )


def _is_label(label: str) -> bool:
    if len(label) > limits.HOST_LABEL_CHARS or _LABEL.fullmatch(label) is None:
        return False
    return not label.startswith("xn--") or _is_honest_punycode(label)


def _is_honest_punycode(label: str) -> bool:
    """Whether the label hides something that only punycode can say, and not plain digits in fancy dress."""
    try:
        decoded = label[4:].encode("ascii").decode("punycode")
    except UnicodeError:
        return False
    return not unicodedata.normalize("NFKC", decoded).isascii()
