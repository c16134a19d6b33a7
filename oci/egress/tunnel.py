"""What is said to a proxy before the connection is the source's: HTTP CONNECT, SOCKS5 (RFC 1928, 1929).

TLS ends at the source: the proxy carries bytes and sees none of them. Its password goes to it and nowhere else.
"""

from __future__ import annotations

import errno
import os
import re
import socket
from typing import Final

from oci.egress.dial import Check, wait_for
from oci.egress.hosts import IpAddress, bracketed, literal_address
from oci.egress.proxies import Proxy
from oci.errors import OciError, gettext_noop
from oci.limits import HEADER_BYTES

ABSENT: Final = gettext_noop("Can't reach the proxy %(proxy)s, which is used for %(host)s: %(reason)s.")
GONE: Final = gettext_noop("The connection to %(host)s through the proxy %(proxy)s broke: %(reason)s.")
SIGN_IN: Final = gettext_noop(
    "The proxy %(proxy)s rejected the username or password when connecting to %(host)s."
)
FORBIDS: Final = gettext_noop("The proxy %(proxy)s does not allow connections to %(host)s.")
_NO_CONNECTION: Final = gettext_noop("The proxy %(proxy)s could not connect to %(host)s: %(reason)s.")
_NOT_A_PROXY: Final = gettext_noop("%(proxy)s is not a %(kind)s proxy.")

_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: [^\r\n]*)?\r?\n", re.ASCII)
_END_OF_HEAD: Final = re.compile(rb"\r?\n\r?\n")

_VERSION: Final = 5
_NO_SIGN_IN, _PASSWORD, _NO_METHOD = 0, 2, 255
#: SOCKS5's answers, and whether asking once more may help.
_REPLIES: Final = {
    1: ("it failed", True),
    3: ("the network is unreachable", True),
    4: ("the host is unreachable", True),
    5: ("the connection was refused", True),
    6: ("it took too long", True),
    7: ("it makes no such connections", False),
    8: ("it knows no such addresses", False),
}
_NOT_ALLOWED: Final = 2
_ADDRESS_BYTES: Final = {1: 4, 4: 16}


def proxy_error(
    template: str, proxy: Proxy, host: str, *, retryable: bool, reason: str = "", kind: str = ""
) -> OciError:
    """A failure of a proxy; its name is host and port, never its password."""
    error = OciError("proxy_error", template, retryable=retryable, proxy=proxy.name, host=host)
    error.params.update({name: text for name, text in (("reason", reason), ("kind", kind)) if text})
    return error


def open_tunnel(wire: Wire, proxy: Proxy, host: str, port: int, address: IpAddress | None) -> None:
    """Have the proxy connect to a host.

    :param wire: to the proxy.
    :param address: judged here, to be handed over instead of the name; None hands the name over.
    :raises OciError: ``proxy_error``.
    """
    try:
        if proxy.scheme == "http":
            _connect(wire, proxy, host, port)
        else:
            _sign_in(wire, proxy, host)
            _ask(wire, proxy, host, port, address or literal_address(host))
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise proxy_error(GONE, proxy, host, retryable=True, reason=reason) from error


def _connect(wire: Wire, proxy: Proxy, host: str, port: int) -> None:
    place = f"{bracketed(host)}:{port}"
    lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    wire.send("\r\n".join([*lines, "", ""]).encode("ascii"))
    status = _STATUS.match(wire.read_head())
    if status is None:
        raise proxy_error(_NOT_A_PROXY, proxy, host, retryable=False, kind="HTTP")
    code = int(status[1])
    if not 200 <= code < 300:
        raise refused_by_proxy(proxy, host, code)


def refused_by_proxy(proxy: Proxy, host: str, status: int) -> OciError:
    """What a proxy's own answer means."""
    if status == 407:
        return proxy_error(SIGN_IN, proxy, host, retryable=False)
    if status in (401, 403, 405):
        return proxy_error(FORBIDS, proxy, host, retryable=False)
    return proxy_error(
        _NO_CONNECTION,
        proxy,
        host,
        retryable=status in (408, 429) or status >= 500,
        reason=f"status {status}",
    )


def _sign_in(wire: Wire, proxy: Proxy, host: str) -> None:
    named = bool(proxy.username or proxy.password)
    methods = bytes([_NO_SIGN_IN, _PASSWORD] if named else [_NO_SIGN_IN])
    wire.send(bytes([_VERSION, len(methods)]) + methods)
    version, method = wire.read(2)
    if version != _VERSION or method not in (*methods, _NO_METHOD):
        raise proxy_error(_NOT_A_PROXY, proxy, host, retryable=False, kind="SOCKS5")
    if method == _NO_METHOD:
        raise proxy_error(SIGN_IN, proxy, host, retryable=False)
    if method == _PASSWORD:
        username, password = proxy.username.encode(), proxy.password.encode()
        wire.send(bytes([1, len(username)]) + username + bytes([len(password)]) + password)
        if wire.read(2)[1] != 0:
            raise proxy_error(SIGN_IN, proxy, host, retryable=False)


def _ask(wire: Wire, proxy: Proxy, host: str, port: int, address: IpAddress | None) -> None:
    if address is None:
        name = host.encode("ascii")
        destination = bytes([3, len(name)]) + name
    else:
        destination = bytes([1 if address.version == 4 else 4]) + address.packed
    wire.send(bytes([_VERSION, 1, 0]) + destination + port.to_bytes(2, "big"))
    version, reply, _, kind = wire.read(4)
    if version != _VERSION:
        raise proxy_error(_NOT_A_PROXY, proxy, host, retryable=False, kind="SOCKS5")
    if reply == _NOT_ALLOWED:
        raise proxy_error(FORBIDS, proxy, host, retryable=False)
    if reply:
        reason, retryable = _REPLIES.get(reply, ("it failed", True))
        raise proxy_error(_NO_CONNECTION, proxy, host, retryable=retryable, reason=reason)
    # The address that the proxy connects from; nothing of ours needs it.
    wire.read((wire.read(1)[0] if kind == 3 else _ADDRESS_BYTES.get(kind, 4)) + 2)


class Wire:
    """Bytes to and from a proxy, each wait bounded by one deadline and ended by a cancel.

    :param sock: connected and non-blocking.
    :param deadline: on the monotonic clock.
    """

    def __init__(self, sock: socket.socket, deadline: float, check: Check) -> None:
        self._sock = sock
        self._deadline = deadline
        self._check = check

    def send(self, data: bytes) -> None:
        """Send all of ``data`` before the deadline.

        :raises OSError:
        """
        view = memoryview(data)
        while view.nbytes:
            wait_for(self._sock, writing=True, deadline=self._deadline, check=self._check)
            view = view[self._sock.send(view) :]

    def read(self, count: int) -> bytes:
        """Exactly so many bytes. :raises OSError: also when the proxy ends the connection before."""
        data = b""
        while len(data) < count:
            data += self._some(count - len(data))
        return data

    def read_head(self) -> bytes:
        """All up to the blank line and not a byte more: what follows is the source's.

        :raises OSError:
        """
        head = b""
        while not _END_OF_HEAD.search(head):
            if len(head) > HEADER_BYTES:
                raise OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE))
            head += self._some_of_head(head)
        return head

    def _some_of_head(self, before: bytes) -> bytes:
        seen = self._some(HEADER_BYTES, flags=socket.MSG_PEEK)
        end = _END_OF_HEAD.search(before[-3:] + seen)
        return self._some(end.end() - len(before[-3:]) if end else len(seen))

    def _some(self, most: int, flags: int = 0) -> bytes:
        wait_for(self._sock, writing=False, deadline=self._deadline, check=self._check)
        data = self._sock.recv(most, flags)
        if not data:
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
        return data
