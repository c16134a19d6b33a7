"""The one door out: every connection to a host that a user or a registry named is opened here.

A name is looked up once, every address that it leads to is judged, the connection goes to a judged address,
and the peer is judged again. So a name that changes between check and connect, or leads to a good and a bad
address, gains nothing.

Where the operator named a proxy, the connection goes to that. All that can be judged here still is: literals, ports,
own services, and the addresses that a ``socks5`` proxy is given. A *name* that a proxy looks up can't be, so only
operators name proxies.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Final, Literal

from oci import limits
from oci.egress.dial import Check, Resolver, dial, look_up, shake_hands, system_resolver
from oci.egress.hosts import DOCKER_HUB_HOSTS, IpAddress, literal_address, normalise_host, split_host_port
from oci.egress.policy import EgressPolicy, Rules
from oci.egress.proxies import Proxy, proxy_for
from oci.egress.tls import make_context, tls_failure
from oci.egress.tunnel import ABSENT, Wire, open_tunnel, proxy_error
from oci.errors import OciError, gettext_noop
from oci.urls import DEFAULT_PORTS, Url, parse_url, resolve

__all__ = ["Door", "EgressPolicy", "Resolver", "normalise_host", "split_host_port", "split_url"]

log: Final = logging.getLogger(__name__)

_NO_SUCH_HOST: Final = gettext_noop("The host %(host)s was not found.")
#: Of a name that is not the operator's: whether it does not exist or leads inside is no one's business outside.
NO_PUBLIC: Final = gettext_noop(
    "Can't reach %(host)s: this server finds no public address for this name. Check the spelling."
)
#: Who types ``nginx`` has not typed this name.
_NO_DOCKER_HUB: Final = gettext_noop(
    "Can't reach Docker Hub: this server can't look up %(host)s. It may have no internet access or DNS."
)
_NO_ANSWER: Final = gettext_noop("Can't look up %(host)s: %(reason)s.")
_UNREACHABLE: Final = gettext_noop("Can't connect to %(host)s on port %(port)d: %(reason)s.")
_TIMED_OUT: Final = gettext_noop("%(host)s did not answer on port %(port)d in time.")
_REFUSED: Final = gettext_noop("%(host)s refused the connection on port %(port)d.")


def _go_on() -> None:
    """The check of a wait that no one cancels."""


class Door:
    """Opens connections that a policy allows. One serves all threads; it holds no connection itself.

    :param resolver: addresses of a name; the system's by default.
    :raises ValueError: when the policy has a malformed entry.
    :raises OSError: when its certificate file can't be read.
    """

    def __init__(self, policy: EgressPolicy, *, resolver: Resolver | None = None) -> None:
        self.policy = policy
        self._resolver = resolver or system_resolver
        self._rules = Rules(policy, self._addresses_of_own)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return make_context(self.policy.ca_file)

    def check_literal(self, host: str, port: int, scheme: str) -> None:
        """Refuse what is forbidden at sight, without looking anything up: for answers to a form.

        :raises OciError: ``blocked_address``.
        """
        host = normalise_host(host)
        self._rules.check_name(host, port)
        self._rules.check_scheme(host, port, scheme)

    def scheme_for(self, host: str, port: int | None) -> Literal["http", "https"]:
        """How a registry is spoken to that was named without a scheme.

        :raises OciError: ``blocked_address`` when the host is malformed.
        """
        insecure = self._rules.is_insecure(
            normalise_host(host), DEFAULT_PORTS["http"] if port is None else port
        )
        return "http" if insecure else "https"

    def allows_plain_http(self, host: str, port: int) -> bool:
        """Whether ``http`` may be spoken with a host.

        :raises OciError: ``blocked_address`` when the host is malformed.
        """
        return self._rules.allows_plain_http(normalise_host(host), port)

    def proxy_for(self, host: str, port: int, *, tls: bool) -> Proxy | None:
        """The proxy by which a host is reached; None: directly.

        :raises OciError: ``blocked_address`` when the host is malformed.
        """
        rules = self.policy.proxies
        return proxy_for(rules, normalise_host(host), port, tls=tls) if rules else None

    def connect(
        self, host: str, port: int, *, tls: bool, timeout: float, check: Check | None = None
    ) -> socket.socket:
        """A connected socket, blocking, with ``timeout`` as its time-out.

        Behind an HTTP proxy, without ``tls``, the other side is the proxy, which wants whole URLs
        (:meth:`proxy_for` tells); behind every other it is the host.

        :param timeout: seconds for looking up, connecting and the TLS handshake together.
        :param check: called a few times a second while waiting, raises to give up.
        :raises OciError: ``blocked_address``, ``unreachable``, ``tls_error`` or ``proxy_error``.
        """
        host = normalise_host(host)
        check = check or _go_on
        self._rules.check_name(host, port)
        self._rules.check_scheme(host, port, "https" if tls else "http")
        deadline = time.monotonic() + timeout
        proxy = self.proxy_for(host, port, tls=tls)
        if proxy is None:
            sock = self._directly(host, port, deadline, check)
        else:
            sock = self._by_proxy(proxy, host, port, tls=tls, deadline=deadline, check=check)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if tls:
                sock = self._secure(sock, host, port, deadline - time.monotonic(), check)
            sock.settimeout(timeout)
        except BaseException:
            sock.close()
            raise
        return sock

    def _directly(self, host: str, port: int, deadline: float, check: Check) -> socket.socket:
        addresses = self._judged(host, port, deadline - time.monotonic(), check)
        try:
            sock = dial(addresses, port, timeout=deadline - time.monotonic(), check=check)
        except OSError as error:
            raise _unreachable(host, port, error) from error
        try:
            self._judge_peer(sock, host, port, addresses)
        except BaseException:
            sock.close()
            raise
        return sock

    def _by_proxy(
        self, proxy: Proxy, host: str, port: int, *, tls: bool, deadline: float, check: Check
    ) -> socket.socket:
        """Connected to the host through the proxy, or to the proxy where that fetches plain HTTP itself."""
        literal = literal_address(host)
        if literal is not None or not proxy.resolves:
            addresses: Sequence[IpAddress | None] = self._judged(
                host, port, deadline - time.monotonic(), check
            )
        else:
            addresses = (None,)
        failure: OciError | None = None
        for address in addresses[: limits.ADDRESSES_TRIED]:
            sock = self._to_proxy(proxy, host, deadline, check)
            try:
                if proxy.scheme != "http" or tls:
                    open_tunnel(Wire(sock, deadline, check), proxy, host, port, address)
                return sock
            except OciError as error:
                sock.close()
                failure = error
                if not error.retryable:
                    break
            except BaseException:
                sock.close()
                raise
        raise failure or OciError("unreachable", _NO_SUCH_HOST, host=host)

    def _to_proxy(self, proxy: Proxy, host: str, deadline: float, check: Check) -> socket.socket:
        """Connected to the proxy itself, which is looked up here and may be anywhere but at a metadata service."""
        self._rules.check_proxy(proxy.host, proxy.port)
        literal = literal_address(proxy.host)
        try:
            addresses = (
                [literal]
                if literal is not None
                else self._addresses(proxy.host, deadline - time.monotonic(), check)
            )
            for address in addresses:
                self._rules.check_proxy(proxy.host, proxy.port, address)
            return dial(addresses, proxy.port, timeout=deadline - time.monotonic(), check=check)
        except OSError as error:
            raise proxy_error(ABSENT, proxy, host, retryable=True, reason=_reason(error)) from error
        except OciError as error:
            if error.code == "blocked_address":
                raise
            raise proxy_error(ABSENT, proxy, host, retryable=True, reason=str(error).rstrip(".")) from error

    def _judged(self, host: str, port: int, timeout: float, check: Check) -> Sequence[IpAddress]:
        """The addresses of a host, all of them allowed."""
        literal = literal_address(host)
        if literal is not None:
            addresses = [literal]
        else:
            try:
                addresses = self._addresses(host, timeout, check)
            except OciError as error:
                raise self._told(error, host, port) from error
        for address in addresses:
            try:
                self._rules.check_address(host, port, address)
            except OciError as error:
                log.warning("refused %s port %d at %s", host, port, address)
                raise self._told(error, host, port) from None
        return addresses

    def _told(self, error: OciError, host: str, port: int) -> OciError:
        """What people are told of a name that leads nowhere, or nowhere that is allowed: of their own names operators
        are told the reason, of all others everybody is told the same. The log has the reason.
        """
        if literal_address(host) is not None or self._rules.is_named(host, port):
            return error
        if host in DOCKER_HUB_HOSTS:
            template = _NO_DOCKER_HUB
        elif error.retryable:  # Nothing was learned of the name.
            return error
        else:
            template = NO_PUBLIC
        return OciError(error.code, template, retryable=error.retryable, host=host)

    def _judge_peer(self, sock: socket.socket, host: str, port: int, judged: Sequence[IpAddress]) -> None:
        try:
            peer = _address(sock.getpeername()[0], host)
        except OSError as error:  # Gone again already.
            raise _unreachable(host, port, error) from error
        try:
            self._rules.check_address(host, port, peer)
        except OciError as error:
            raise self._told(error, host, port) from None
        if peer not in judged:
            raise OciError(
                "blocked_address",
                gettext_noop(
                    "The connection to %(host)s reached a different address than the one that was checked."
                ),
                host=host,
            )

    def _secure(
        self, sock: socket.socket, host: str, port: int, timeout: float, check: Check
    ) -> ssl.SSLSocket:
        try:
            return shake_hands(sock, self._tls, host, timeout=timeout, check=check)
        except ssl.SSLError as error:
            raise tls_failure(error, host, port) from error
        except OSError as error:
            raise _unreachable(host, port, error) from error

    def _addresses(self, host: str, timeout: float, check: Check) -> list[IpAddress]:
        try:
            answers = look_up(self._resolver, host, timeout=timeout, check=check)
        except socket.gaierror as error:
            unknown = error.errno in (socket.EAI_NONAME, socket.EAI_NODATA)
            if unknown:
                raise OciError("unreachable", _NO_SUCH_HOST, host=host) from error
            raise _no_answer(host, error) from error
        except (OSError, UnicodeError) as error:
            raise _no_answer(host, error) from error
        if not answers:
            raise OciError("unreachable", _NO_SUCH_HOST, host=host)
        return [_address(answer, host) for answer in answers]

    def _addresses_of_own(self, host: str) -> Sequence[IpAddress]:
        return self._addresses(host, limits.RESOLVE_SECONDS, _go_on)


def split_url(url: str, base: Url | None = None) -> Url:
    """Read a URL strictly: a webhook's, a Location, a realm. A relative one needs ``base``, its context.

    :raises OciError: ``protocol_error`` for what is not plainly http or https without credentials and control
        characters; ``blocked_address`` for a host in an unusual spelling.
    """
    try:
        found = parse_url(url) if base is None else resolve(base, url)
    except ValueError:
        raise OciError(
            "protocol_error",
            gettext_noop("Enter an address that begins with https:// or http:// and contains no password."),
        ) from None
    return replace(found, host=normalise_host(found.host))


def _address(text: str, host: str) -> IpAddress:
    """An address that came from the system; one with a scope, or none at all, is refused."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        address = None
    if address is None or getattr(address, "scope_id", None) is not None:
        raise OciError(
            "blocked_address",
            gettext_noop("%(host)s points to a link-local address, which is not allowed."),
            host=host,
        )
    return address


def _no_answer(host: str, error: Exception) -> OciError:
    return OciError("unreachable", _NO_ANSWER, retryable=True, host=host, reason=_reason(error))


def _unreachable(host: str, port: int, error: OSError) -> OciError:
    if isinstance(error, TimeoutError):
        return OciError("unreachable", _TIMED_OUT, retryable=True, host=host, port=port)
    if isinstance(error, ConnectionRefusedError):
        return OciError("unreachable", _REFUSED, retryable=True, host=host, port=port)
    return OciError("unreachable", _UNREACHABLE, retryable=True, host=host, port=port, reason=_reason(error))


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or type(error).__name__
    return str(text)[:200].rstrip(".")
