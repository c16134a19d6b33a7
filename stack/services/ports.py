"""Free TCP ports on this machine."""

from __future__ import annotations

import socket
from collections.abc import Iterable

LOOPBACK = "127.0.0.1"


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Nothing listens there now, and this process may bind it."""
    try:
        listen(host, port).close()
    except OSError:
        return False
    return True


def free_port(preferred: Iterable[int] = (), host: str = LOOPBACK) -> int:
    """The first free one of ``preferred``, else any free port.

    Another process may take it before it is used: anyone who starts a service there must be ready to ask again.
    """
    for port in preferred:
        if port and is_free(port, host):
            return port
    with listen(host, 0) as probe:
        return int(probe.getsockname()[1])


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, inheritable, on an IPv4 or IPv6 address or a name.

    :raises OSError: the port is taken, or not for this user, or the host is not an address of this machine.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    found = socket.socket(family, kind, protocol)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(2048)
        found.set_inheritable(True)
    except OSError:
        found.close()
        raise
    return found
