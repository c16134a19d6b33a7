"""Requests over pooled connections: one try each, no redirects, no sign-in (those are :mod:`oci.session`'s).

No proxies, cookies, netrc or decoding: what a registry sends is what the caller gets.
"""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Sequence
from typing import Final

from oci.cancel import CancelToken
from oci.connection import Broken, Connection, Malformed, Response
from oci.egress import Door
from oci.errors import Canceled
from oci.limits import BUFFER_BYTES, CONNECT_SECONDS, HEADERS_SECONDS, STALL_SECONDS
from oci.urls import Url

Headers = Sequence[tuple[str, str]]

#: Idle connections are used again for so long; servers close theirs after a minute or more.
IDLE_SECONDS: Final = 30.0


class Transport:
    """Connections to any number of hosts for one registry client. Thread-safe."""

    def __init__(
        self,
        *,
        door: Door,
        cancel: CancelToken,
        stall_seconds: float = STALL_SECONDS,
        connect_seconds: float = CONNECT_SECONDS,
        headers_seconds: float = HEADERS_SECONDS,
    ) -> None:
        self.door = door
        self.cancel = cancel
        self.stall_seconds = stall_seconds
        self.headers_seconds = headers_seconds
        self._connect_seconds = connect_seconds
        self._lock = threading.Lock()
        self._idle: dict[tuple[str, str, int], list[Connection]] = {}
        self._closed = False

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
        """Close what is idle; what is in use closes when it ends."""
        with self._lock:
            self._closed = True
            idle = [connection for kept in self._idle.values() for connection in kept]
            self._idle.clear()
        for connection in idle:
            connection.close()

    def _take(self, url: Url) -> Connection:
        self.cancel.check()
        while connection := self._pop(url):
            # Readable while idle means closed by the server, or noise that is no answer of ours.
            fresh = time.monotonic() - connection.idle_since < IDLE_SECONDS
            if fresh and not _readable(connection):
                connection.reused = True
                return connection
            connection.close()
        sock = self.door.connect(
            url.host,
            url.port,
            tls=url.scheme == "https",
            timeout=self._connect_seconds,
            check=self.cancel.check,
        )
        return Connection(
            sock, url=url, cancel=self.cancel, stall_seconds=self.stall_seconds, give_back=self._give_back
        )

    def _pop(self, url: Url) -> Connection | None:
        with self._lock:
            kept = self._idle.get(url.origin)
            return kept.pop() if kept else None

    def _give_back(self, connection: Connection) -> None:
        connection.idle_since = time.monotonic()
        with self._lock:
            if not self._closed:
                self._idle.setdefault(connection.origin, []).append(connection)
                return
        connection.close()


def _readable(connection: Connection) -> bool:
    if connection.sock.fileno() < 0:
        return True
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))


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
