"""Requests over pooled connections: one try each, no redirects, no sign-in (those are :mod:`oci.registry.session`'s).

No cookies, netrc or decoding: what a registry sends is what the caller gets. Proxies are the door's
(:mod:`oci.egress.proxies`); only one that fetches plain HTTP for us is talked to here.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from oci.cancel import CancelToken
from oci.egress.door import Door
from oci.egress.proxies import Proxy
from oci.egress.tunnel import refused_by_proxy
from oci.errors import Canceled
from oci.http.connection import Connection, ConnectionBroken, ProtocolError, Response
from oci.http.pool import IdleConnections
from oci.limits import BUFFER_BYTES, CONNECT_SECONDS, HEADERS_SECONDS, STALL_SECONDS
from oci.urls import Url

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long the other side is waited for, seconds.

    :param connect_seconds: until a connection is there, TLS too.
    :param headers_seconds: from the end of a request until the headers of its answer.
    :param stall_seconds: inside a body that does not move.
    """

    connect_seconds: float = CONNECT_SECONDS
    headers_seconds: float = HEADERS_SECONDS
    stall_seconds: float = STALL_SECONDS


#: Of those who ask for no others.
_USUAL: Final = Timeouts()


class HttpTransport:
    """Connections to any number of hosts for one registry client. Thread-safe.

    :param idle: where connections are left for the next user of the same door; else they are closed with this
        transport.
    """

    def __init__(
        self,
        *,
        door: Door,
        cancel: CancelToken,
        timeouts: Timeouts = _USUAL,
        idle: IdleConnections | None = None,
    ) -> None:
        self.door = door
        self.cancel = cancel
        self.timeouts = timeouts
        self._idle = IdleConnections() if idle is None else idle
        self._closes_idle = idle is None
        self._idle_at_first: int | None = None
        #: Names of the proxies that were used, the first one first.
        self.proxies: dict[str, None] = {}

    def exchange(self, method: str, url: Url, headers: Headers, body: bytes | None = None) -> Response:
        """Send a request that fits in memory, wait for its answer's headers.

        A kept connection that the server closed in the meantime is replaced by a fresh one, once: nothing was
        answered, so nothing was done.

        :raises ConnectionBroken: the connection broke or stalled.
        :raises ProtocolError: the answer is not HTTP.
        :raises OciError: the door does not open (``blocked_address``, ``unreachable``, ``tls_error``).
        """
        if body is not None:
            headers = [*headers, ("Content-Length", str(len(body)))]
        while True:
            connection = self._take(url)
            try:
                connection.send_head(method, url, headers)
                if method == "PATCH":
                    # Of an upload: what is broken off in the middle can neither be gone on with nor deleted.
                    connection.cancel.spare(connection.sock)
                if body:
                    connection.send(body)
                response = connection.answer(method, url, seconds=self.timeouts.headers_seconds)
                connection.cancel.spare_no_more(connection.sock)
                _check_forwarded(response, connection.forwarded_by)
                return response
            except ConnectionBroken as broken:
                connection.close()
                if not (connection.reused and not broken.stalled):
                    raise
            except BaseException:
                connection.close()
                raise

    def begin(self, method: str, url: Url, headers: Headers, length: int) -> Sending:
        """Begin a request whose body of ``length`` bytes follows in pieces.

        :raises ConnectionBroken:
        :raises OciError: as :meth:`exchange`.
        """
        connection = self._take(url)
        try:
            connection.send_head(method, url, [*headers, ("Content-Length", str(length))])
        except BaseException:
            connection.close()
            raise
        seconds = max(self.timeouts.headers_seconds, self.timeouts.stall_seconds)
        return Sending(connection, method, url, seconds=seconds)

    def under(self, cancel: CancelToken) -> HttpTransport:
        """The same, idle connections too, for a part of the work that ``cancel`` can end alone."""
        twin = copy.copy(self)
        twin.cancel, twin._closes_idle = cancel, False
        return twin

    def close(self) -> None:
        """Close what is idle, unless others may use it; what is in use closes when it ends."""
        if self._closes_idle:
            self._idle.close()

    def _take(self, url: Url) -> Connection:
        self.cancel.check()
        proxy = self.proxy_for(url)
        if proxy is not None:
            self.proxies.setdefault(proxy.name)
        kept = self._idle.take(url.origin)
        if kept is not None:
            kept.serve(self.cancel, self.timeouts.stall_seconds, self._idle.keep)
            return kept
        return self._open(url, proxy)

    def open_ahead(self, url: Url, most: int) -> None:
        """Open an idle connection to the host of ``url``, unless there are ``most``.

        Nor where half of them were there when this was asked first, left by an earlier import: where many imports run,
        each that is opened costs the others time.

        :raises OciError: the door does not open.
        :raises Canceled:
        """
        count = self._idle.count(url.origin)
        if self._idle_at_first is None:
            self._idle_at_first = count
        if count < most and self._idle_at_first < most // 2:
            self._open(url, self.proxy_for(url)).done(reusable=True)

    def _open(self, url: Url, proxy: Proxy | None) -> Connection:
        tls = url.scheme == "https"
        sock = self.door.connect(
            url.host, url.port, tls=tls, timeout=self.timeouts.connect_seconds, check=self.cancel.check
        )
        return Connection(
            sock,
            url=url,
            cancel=self.cancel,
            stall_seconds=self.timeouts.stall_seconds,
            give_back=self._idle.keep,
            forwarded_by=proxy if proxy is not None and proxy.scheme == "http" and not tls else None,
        )

    def proxy_for(self, url: Url) -> Proxy | None:
        """The proxy by which a URL is asked, None where it is asked directly."""
        return self.door.proxy_for(url.host, url.port, tls=url.scheme == "https")


def _check_forwarded(response: Response, proxy: Proxy | None) -> None:
    """A proxy that fetches for us may answer itself: 407 always is its own, 403 where it says who it is.

    :raises OciError: ``proxy_error``; the answer is closed.
    """
    if proxy is None or response.status not in (403, 407):
        return
    server = (response.header("Server") or "").lower()
    says_so = response.header("X-Squid-Error") or response.header("Proxy-Status") or "proxy" in server
    if response.status == 407 or says_so:
        response.close()
        raise refused_by_proxy(proxy, response.url.authority, response.status)


class Sending:
    """A request whose body is on its way."""

    def __init__(self, connection: Connection, method: str, url: Url, *, seconds: float) -> None:
        self._connection = connection
        self._method = method
        self._seconds = seconds
        self._answered = False
        self.url = url

    def send(self, piece: memoryview) -> None:
        """Send one piece of the body.

        :raises ConnectionBroken:
        """
        self._connection.send(piece)

    def spare(self) -> None:
        """A cancel leaves this request a moment to end in good order."""
        self._connection.cancel.spare(self._connection.sock)

    def fill(self, missing: int, seconds: float) -> Response | None:
        """Send anything for the ``missing`` bytes and wait for the answer; None where ``seconds`` are too few."""
        deadline = time.monotonic() + seconds
        # Not zeros: archives end with those, and then the blob would be whole.
        anything = memoryview(b"\xa5" * min(missing, BUFFER_BYTES))
        try:
            while missing and (left := deadline - time.monotonic()) > 0:
                self._connection.sock.settimeout(left)
                self.send(anything[:missing])
                missing -= min(missing, anything.nbytes)
            return None if missing else self.finish(seconds=max(0.05, deadline - time.monotonic()))
        except (ConnectionBroken, ProtocolError, Canceled):
            return None

    def finish(self, *, seconds: float | None = None) -> Response:
        """The answer, once all bytes are sent or :meth:`send` failed: servers say why before they close.

        :raises ConnectionBroken: there is none.
        :raises ProtocolError:
        """
        try:
            wait = self._seconds if seconds is None else seconds
            response = self._connection.answer(self._method, self.url, seconds=wait)
        except BaseException:
            self._connection.close()
            raise
        self._answered = True
        self._connection.cancel.spare_no_more(self._connection.sock)
        return response

    def abort(self) -> None:
        """Break the connection so that the server cannot take the request for complete."""
        if not self._answered:
            self._connection.close()
