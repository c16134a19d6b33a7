"""Requests over pooled connections: one try each, no redirects, no sign-in (those are :mod:`oci.registry.session`'s).

No proxies, cookies, netrc or decoding: what a registry sends is what the caller gets.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from oci.cancel import CancelToken
from oci.egress.door import Door
from oci.errors import Canceled
from oci.http.connection import Broken, Connection, Malformed, Response
from oci.http.pool import IdleConnections
from oci.limits import BUFFER_BYTES, CONNECT_SECONDS, HEADERS_SECONDS, STALL_SECONDS
from oci.urls import Url

Headers = Sequence[tuple[str, str]]


class Transport:
    """Connections to any number of hosts for one registry client. Thread-safe.

    :param idle: where connections are left for whoever comes next through the same door; else they are closed with this
        transport.
    """

    def __init__(
        self,
        *,
        door: Door,
        cancel: CancelToken,
        stall_seconds: float = STALL_SECONDS,
        connect_seconds: float = CONNECT_SECONDS,
        headers_seconds: float = HEADERS_SECONDS,
        idle: IdleConnections | None = None,
    ) -> None:
        self.door = door
        self.cancel = cancel
        self.stall_seconds = stall_seconds
        self.headers_seconds = headers_seconds
        self._connect_seconds = connect_seconds
        self._idle = IdleConnections() if idle is None else idle
        self._closes_idle = idle is None

    def exchange(self, method: str, url: Url, headers: Headers, body: bytes | None = None) -> Response:
        """Send a request that fits in memory, wait for its answer's headers.

        A kept connection that the server closed meanwhile is replaced by a fresh one, once: nothing was
        answered, so nothing was done.

        :raises Broken: the connection broke or stalled.
        :raises Malformed: the answer is not HTTP.
        :raises OciError: the door does not open (``blocked_address``, ``unreachable``, ``tls_error``).
        """
        if body is not None:
            headers = [*headers, ("Content-Length", str(len(body)))]
        while True:
            connection = self._take(url)
            try:
                connection.send_head(method, url, headers)
                if body:
                    connection.send(body)
                return connection.answer(method, url, seconds=self.headers_seconds)
            except Broken as broken:
                connection.close()
                if not (connection.reused and not broken.stalled):
                    raise
            except BaseException:
                connection.close()
                raise

    def begin(self, method: str, url: Url, headers: Headers, length: int) -> Sending:
        """Begin a request whose body of ``length`` bytes follows in pieces.

        :raises Broken: :raises OciError: as :meth:`exchange`.
        """
        connection = self._take(url)
        try:
            connection.send_head(method, url, [*headers, ("Content-Length", str(length))])
        except BaseException:
            connection.close()
            raise
        return Sending(connection, method, url, seconds=max(self.headers_seconds, self.stall_seconds))

    def close(self) -> None:
        """Close what is idle, unless others may use it; what is in use closes when it ends."""
        if self._closes_idle:
            self._idle.close()

    def _take(self, url: Url) -> Connection:
        self.cancel.check()
        kept = self._idle.take(url.origin)
        if kept is not None:
            kept.serve(self.cancel, self.stall_seconds, self._idle.keep)
            return kept
        sock = self.door.connect(
            url.host,
            url.port,
            tls=url.scheme == "https",
            timeout=self._connect_seconds,
            check=self.cancel.check,
        )
        return Connection(
            sock, url=url, cancel=self.cancel, stall_seconds=self.stall_seconds, give_back=self._idle.keep
        )


class Sending:
    """A request whose body is on its way."""

    def __init__(self, connection: Connection, method: str, url: Url, *, seconds: float) -> None:
        self._connection = connection
        self._method = method
        self._seconds = seconds
        self._answered = False
        self.url = url

    def send(self, piece: memoryview) -> None:
        """:raises Broken:"""
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
        except (Broken, Malformed, Canceled):
            return None

    def finish(self, *, seconds: float | None = None) -> Response:
        """The answer, once all bytes are sent or :meth:`send` failed: servers say why before they close.

        :raises Broken: there is none. :raises Malformed:
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
