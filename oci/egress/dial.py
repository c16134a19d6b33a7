"""Looking names up and connecting, each with a bounded wait that a cancel can end."""

from __future__ import annotations

import errno
import itertools
import os
import select
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from oci import limits
from oci.egress.hosts import IpAddress

#: Addresses of a name, as text; raises :class:`OSError` when there are none.
Resolver = Callable[[str], Sequence[str]]
#: Called a few times a second while waiting; raises to end the wait.
Check = Callable[[], None]

_NO_ROUTE: Final = frozenset({errno.EADDRNOTAVAIL, errno.ENETUNREACH, errno.EAFNOSUPPORT})

_lookups: Final = threading.BoundedSemaphore(limits.RESOLVER_THREADS)


def system_resolver(host: str) -> Sequence[str]:
    """What the system's resolver says; the host goes in as bytes, so that nothing maps it to another one."""
    answers = socket.getaddrinfo(host.encode("ascii"), None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in answers))


def look_up(resolver: Resolver, host: str, *, timeout: float, check: Check) -> Sequence[str]:
    """Ask the resolver, but wait no longer than ``timeout`` seconds: ``getaddrinfo`` itself knows no bound.

    :raises OSError: no such name, no answer in time, or too many look-ups that hang.
    """
    places = _lookups
    if not places.acquire(blocking=False):
        raise TimeoutError(errno.ETIMEDOUT, "too many name look-ups hang")
    done = threading.Event()
    answer: list[Sequence[str]] = []
    failure: list[Exception] = []

    def ask() -> None:
        try:
            answer.append(resolver(host))
        except Exception as error:  # noqa: BLE001 - raised again by the one who waits
            failure.append(error)
        finally:
            places.release()
            done.set()

    threading.Thread(target=ask, name=f"resolve {host}", daemon=True).start()
    deadline = time.monotonic() + timeout
    while not done.wait(min(limits.CANCEL_POLL_SECONDS, max(0.0, deadline - time.monotonic()))):
        check()
        if time.monotonic() >= deadline:
            raise TimeoutError(errno.ETIMEDOUT, "the name look-up took too long")
    if failure:
        raise failure[0]
    return answer[0]


def dial(addresses: Sequence[IpAddress], port: int, *, timeout: float, check: Check) -> socket.socket:
    """Connect to the first address that answers, trying the next beside a slow one (RFC 8305).

    :raises OSError: none answered; the error is the most telling one, or a time-out.
    """
    waiting = _alternating(addresses)[: limits.ADDRESSES_TRIED]
    deadline = time.monotonic() + timeout
    next_at = 0.0
    failure = OSError(errno.EADDRNOTAVAIL, "no address to connect to")
    with selectors.DefaultSelector() as selector:
        try:
            while waiting or selector.get_map():
                now = time.monotonic()
                if now >= deadline:
                    raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
                if waiting and (now >= next_at or not selector.get_map()):
                    next_at = now + limits.NEXT_ADDRESS_SECONDS
                    try:
                        selector.register(_begin(waiting.pop(0), port), selectors.EVENT_WRITE)
                    except OSError as error:
                        failure = _more_telling(failure, error)
                        continue
                pause = (
                    min(deadline, next_at if waiting else deadline, now + limits.CANCEL_POLL_SECONDS) - now
                )
                for key, _ in selector.select(max(0.0, pause)):
                    sock: socket.socket = key.fileobj  # type: ignore[assignment]
                    selector.unregister(sock)
                    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    if code == 0:
                        return sock
                    sock.close()
                    failure = _more_telling(failure, OSError(code, os.strerror(code)))
                    next_at = 0.0
                check()
        finally:
            for key in list(selector.get_map().values()):
                selector.unregister(key.fileobj)
                key.fileobj.close()  # type: ignore[union-attr]
    raise failure


def shake_hands(
    sock: socket.socket, context: ssl.SSLContext, host: str, *, timeout: float, check: Check
) -> ssl.SSLSocket:
    """TLS over a connected, non-blocking socket; ``host`` is what SNI says and the certificate must name.

    :raises OSError: as :mod:`ssl` says it, or a time-out. The socket is the caller's to close then.
    """
    secure = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    deadline = time.monotonic() + timeout
    try:
        while (events := _go_on_shaking(secure)) is not None:
            _await(secure, events, deadline, check)
    except BaseException:
        secure.close()
        raise
    return secure


def _go_on_shaking(secure: ssl.SSLSocket) -> int | None:
    """One step of the handshake; what to wait for before the next, None when it is done."""
    try:
        secure.do_handshake()
    except ssl.SSLWantReadError:
        return select.POLLIN
    except ssl.SSLWantWriteError:
        return select.POLLOUT
    return None


def wait_for(sock: socket.socket, *, writing: bool, deadline: float, check: Check) -> None:
    """Until a non-blocking socket can be written or read; ``deadline`` is on the monotonic clock.

    :raises TimeoutError: it could not in time.
    """
    _await(sock, select.POLLOUT if writing else select.POLLIN, deadline, check)


def _await(sock: socket.socket, events: int, deadline: float, check: Check) -> None:
    poll = select.poll()
    poll.register(sock, events)
    while True:
        pause = min(limits.CANCEL_POLL_SECONDS, deadline - time.monotonic())
        if pause <= 0:
            raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
        if poll.poll(pause * 1000):
            return
        check()


def _begin(address: IpAddress, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_STREAM)
    sock.setblocking(False)
    code = sock.connect_ex((str(address), port))
    if code not in (0, errno.EINPROGRESS):
        sock.close()
        raise OSError(code, os.strerror(code))
    return sock


def _more_telling(one: OSError, other: OSError) -> OSError:
    """The one to report: that a family of addresses has no route here says nothing about the host."""
    return one if other.errno in _NO_ROUTE and one.errno not in _NO_ROUTE else other


def _alternating(addresses: Sequence[IpAddress]) -> list[IpAddress]:
    """Both families in turn, the resolver's order kept within each and in which comes first."""
    if not addresses:
        return []
    first = [address for address in addresses if address.version == addresses[0].version]
    second = [address for address in addresses if address.version != addresses[0].version]
    pairs = itertools.zip_longest(first, second)
    return [address for pair in pairs for address in pair if address is not None]
