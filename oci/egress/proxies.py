"""By which proxy a host is reached: the operator's rules, and what of them fits one host.

The first rule whose pattern fits the host that is contacted counts; redirects, realms and mirrors are matched by their
own names. What a proxy may be told is :mod:`oci.egress.tunnel`'s.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import unquote

from oci.egress.addresses import IpNetwork
from oci.egress.hosts import (
    DOCKER_HUB_HOSTS,
    IpAddress,
    bracketed,
    literal_address,
    normalise_host,
    split_host_port,
)
from oci.errors import OciError

ProxyScheme = Literal["http", "socks5", "socks5h"]

#: Where curl looks for a proxy whose address names no port.
_CURL_PORT: Final = 1080
_SEPARATORS: Final = re.compile(r"[,\s]+")
#: RFC 1929 says a length in one byte.
_MAX_SECRET_BYTES: Final = 255
_PROXY_URL: Final = re.compile(r"(http|socks5|socks5h)://([!-.0-~]+)/?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Proxy:
    """One proxy. Neither user name nor password is in a ``repr``."""

    scheme: ProxyScheme
    host: str
    port: int
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        """For people and for ``via``: ``host:port``."""
        return f"{bracketed(self.host)}:{self.port}"

    @property
    def resolves(self) -> bool:
        """Whether it looks names up itself, so that no one judges here where they lead."""
        return self.scheme != "socks5"

    @property
    def authorization(self) -> str | None:
        """The value of a Proxy-Authorization header; None where there is no one to name."""
        if not (self.username or self.password):
            return None
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"


@dataclass(frozen=True, slots=True)
class EnvironmentProxies:
    """The proxies of the environment as curl reads them."""

    https: Proxy | None
    http: Proxy | None
    no_proxy: str

    def proxy_for(self, host: str, *, tls: bool) -> Proxy | None:
        return None if self._is_excepted(host) else (self.https if tls else self.http)

    def _is_excepted(self, host: str) -> bool:
        if self.no_proxy.strip() == "*":
            return True
        entries = [entry for entry in _SEPARATORS.split(self.no_proxy) if entry]
        address = literal_address(host)
        if address is not None:
            return any(_is_within(address, entry) for entry in entries)
        names = [entry.strip(".").lower() for entry in entries]
        return any(name and (host == name or host.endswith(f".{name}")) for name in names)


#: What a rule says: a proxy, curl's variables, or None for a direct connection.
Way = Proxy | EnvironmentProxies | None


@dataclass(frozen=True, slots=True)
class HostPattern:
    """``ghcr.io``, ``*.example.com``, either with a port, a CIDR, or ``*``. Hosts are given normalised.

    ``*.example.com`` is not ``example.com``; a CIDR meets literal addresses; ``docker.io`` is all of Docker Hub.
    """

    text: str
    host: str
    port: int | None = None
    network: IpNetwork | None = None

    @classmethod
    def parse(cls, text: str) -> HostPattern:
        """Read a pattern of hosts as operators write it.

        :raises ValueError: it is none.
        """
        text = text.strip().lower()
        if text == "*":
            return cls(text, "*")
        if "/" in text:
            network = ipaddress.ip_network(text, strict=False)
            return cls(str(network), "", network=network)
        wild = text.startswith("*.")
        try:
            host, port = split_host_port(text.removeprefix("*."))
        except OciError as error:
            raise ValueError(str(error)) from None
        if wild and literal_address(host) is not None:
            raise ValueError(f"{text} is no pattern of host names.")
        host = f"*.{host}" if wild else host
        return cls(bracketed(host) + (f":{port}" if port else ""), host, port)

    @property
    def is_one_host(self) -> bool:
        """Whether no two hosts fit it; Docker Hub counts as one."""
        return self.network is None and not self.host.startswith("*")

    def matches(self, host: str, port: int | None) -> bool:
        """Whether a host fits; a ``port`` of None is unsaid and fits any."""
        if self.network is not None:
            address = literal_address(host)
            return address is not None and address in self.network
        if self.port is not None and port is not None and self.port != port:
            return False
        if self.host == "*":
            return True
        if self.host.startswith("*."):
            return host.endswith(self.host[1:])
        return host == self.host or (self.host == "docker.io" and host in DOCKER_HUB_HOSTS)


@dataclass(frozen=True, slots=True)
class ProxyRule:
    """Hosts that fit ``pattern`` are reached by ``way``."""

    pattern: HostPattern
    way: Way


def proxy_for(rules: Sequence[ProxyRule], host: str, port: int, *, tls: bool) -> Proxy | None:
    """The proxy of a normalised host, None where it is reached directly."""
    for rule in rules:
        if rule.pattern.matches(host, port):
            way = rule.way
            return way.proxy_for(host, tls=tls) if isinstance(way, EnvironmentProxies) else way
    return None


def parse_rules(text: str, environ: Mapping[str, str]) -> tuple[ProxyRule, ...]:
    """``pattern=proxy;…`` as rules, in order.

    :raises ValueError: an entry can't be read; the sentence shows no password.
    """
    rules = []
    for number, entry in enumerate(filter(None, (part.strip() for part in text.split(";"))), start=1):
        pattern, sign, way = entry.partition("=")
        if not sign:
            raise ValueError(f"entry {number} should read pattern=proxy")
        try:
            rules.append(ProxyRule(HostPattern.parse(pattern), parse_way(way.strip(), environ)))
        except ValueError as error:
            raise ValueError(f"entry {number}: {error}") from None
    return tuple(rules)


def parse_way(text: str, environ: Mapping[str, str]) -> Way:
    """A proxy's URL, ``direct`` or ``environment``.

    :raises ValueError: it is none of them.
    """
    if text == "direct":
        return None
    if text == "environment":
        return read_environment(environ)
    return parse_proxy(text)


def parse_proxy(text: str, *, default_port: int | None = None) -> Proxy:
    """``http://[user:password@]host:port``, ``socks5://…`` or ``socks5h://…``.

    :param default_port: where none is named; None: one must be.
    :raises ValueError: it is no such URL; the sentence shows nothing of it, since that may be a password.
    """
    if _PROXY_URL.fullmatch(text) is None:
        raise ValueError("a proxy is written as http://host:port, socks5://host:port or socks5h://host:port")
    # Not by urlsplit: what it says of a bracket in a password depends on Python's release, and repeats the password.
    scheme, _, rest = text.partition("://")
    account, _, place = rest.removesuffix("/").rpartition("@")
    username, _, password = account.partition(":")
    try:
        host, port = split_host_port(place)
    except OciError:
        raise ValueError("the proxy's host or port can't be read") from None
    port = port or default_port
    if port is None:
        raise ValueError("the proxy's port is missing")
    username, password = unquote(username), unquote(password)
    if max(len(username.encode()), len(password.encode())) > _MAX_SECRET_BYTES:
        raise ValueError(f"user name and password of a proxy have at most {_MAX_SECRET_BYTES} bytes each")
    return Proxy(scheme, host, port, username, password)  # type: ignore[arg-type]


def read_environment(environ: Mapping[str, str]) -> EnvironmentProxies:
    """HTTPS_PROXY, ALL_PROXY and NO_PROXY in either case, lower case first, and ``http_proxy`` in lower case only: a
    web server hands a request's ``Proxy`` header to its programs as HTTP_PROXY.

    :raises ValueError: one of them names a proxy of another kind.
    """

    def read(*names: str) -> Proxy | None:
        for name in names:
            if value := environ.get(name, "").strip():
                try:
                    return parse_proxy(
                        value if "://" in value else f"http://{value}", default_port=_CURL_PORT
                    )
                except ValueError as error:
                    raise ValueError(f"{name}: {error}") from None
        return None

    everything = ("all_proxy", "ALL_PROXY")
    return EnvironmentProxies(
        https=read("https_proxy", "HTTPS_PROXY", *everything),
        http=read("http_proxy", *everything),
        no_proxy=environ.get("no_proxy", "") or environ.get("NO_PROXY", ""),
    )


def _is_within(address: IpAddress, entry: str) -> bool:
    """Whether an entry of NO_PROXY is the address, or a network around it."""
    try:
        if "/" in entry:
            return address in ipaddress.ip_network(entry, strict=False)
        return literal_address(normalise_host(entry)) == address
    except (ValueError, OciError):
        return False
