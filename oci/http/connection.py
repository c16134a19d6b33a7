"""One keep-alive HTTP/1.1 connection over a socket from the door.

``http.client`` reads the bodies; this module gives it our sockets, our bounds and our time-outs: headers
within a deadline and a size, bodies with a time-out per read, writes with a time-out per piece that the other
side takes.
"""

from __future__ import annotations

import http.client
import io
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Final

from oci.cancel import CancelToken
from oci.egress.proxies import Proxy
from oci.http.patience import Patience
from oci.http.response_head import ResponseHead
from oci.limits import DISCARD_SECONDS, HEADER_BYTES
from oci.urls import Url

_HEADER_LINE: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [ -~]*", re.ASCII)


#: For this long more bytes are gathered before those that came are passed on.
_MOMENT_SECONDS: Final = 0.05


class ConnectionBroken(Exception):
    """The connection cannot be used anymore. ``cause`` is for people; ``unanswered``: not one byte of answer
    came.
    """

    def __init__(self, cause: str, *, stalled: bool = False, unanswered: bool = False) -> None:
        super().__init__(cause)
        self.cause = cause
        self.stalled = stalled
        self.unanswered = unanswered


class ProtocolError(Exception):
    """The other side does not speak HTTP as we know it; the text says how."""


class _Raw(io.RawIOBase):
    """Reads a socket: bounded in bytes and time while headers come, one time-out per read afterwards."""

    def __init__(self, sock: socket.socket, *, seconds: float, stall_seconds: float) -> None:
        self._sock = sock
        self._deadline: float | None = time.monotonic() + seconds
        self._most = HEADER_BYTES
        self._stall_seconds = stall_seconds
        self.received = 0

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What ``http.client`` asks a socket for. Reads larger than the buffer pass it by."""
        return io.BufferedReader(self, 16 * 1024)

    def headers_done(self) -> None:
        self._deadline = None
        self._sock.settimeout(self._stall_seconds)

    def expect_piece(self, size: int) -> None:
        """The next read is of a chunked body, whose framing is headers again: bounded like those, or a server could go
        on with trailers forever.
        """
        self._deadline = time.monotonic() + self._stall_seconds
        self._most = self.received + size + HEADER_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        if self._deadline is not None:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            if self.received > self._most:
                raise ProtocolError("its headers are too large")
            self._sock.settimeout(left)
        count = self._sock.recv_into(buffer)
        self.received += count
        return count


class _Translated:
    """Turns what sockets and ``http.client`` raise into :class:`ConnectionBroken` and :class:`ProtocolError`; a cancel
    comes first.
    """

    def __init__(self, connection: Connection, raw: _Raw | None = None, *, closes: bool = True) -> None:
        self._connection = connection
        self._raw = raw
        self._closes = closes

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if error is None:
            return
        if self._closes:
            self._connection.close()
        self._connection.cancel.check()
        unanswered = self._raw is not None and self._raw.received == 0
        if isinstance(error, TimeoutError):
            raise ConnectionBroken("no byte came in time", stalled=True) from error
        if isinstance(error, http.client.IncompleteRead):
            raise ConnectionBroken("the body ended too early") from error
        if isinstance(error, http.client.RemoteDisconnected):
            raise ConnectionBroken("closed without an answer", unanswered=unanswered) from error
        if isinstance(error, http.client.HTTPException):
            raise ProtocolError(f"not a readable HTTP answer ({type(error).__name__})") from error
        if isinstance(error, OSError):
            raise ConnectionBroken(_words(error), unanswered=unanswered) from error


def _words(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or 'broken'}"
    return (error.strerror or type(error).__name__).lower()


class Response:
    """One answer. It ends when its body was read by :meth:`readinto` or :meth:`read`, or by :meth:`close`."""

    def __init__(
        self, answer: ResponseHead, raw: _Raw, connection: Connection, url: Url, method: str
    ) -> None:
        self._answer = answer
        self._raw = raw
        self._stall_seconds = connection.stall_seconds
        #: Of a document; None: as slowly as it likes, as long as it does not stall.
        self._patience: Patience | None = None
        self._connection: Connection | None = connection
        self.url = url
        self.status = answer.status
        #: Body bytes that the server promised; None when it did not say, or for HEAD.
        self.length: int | None = answer.length
        self._left = answer.length
        #: What ended the body after the bytes that the last read still gave.
        self._broke: ConnectionBroken | ProtocolError | None = None
        if method == "HEAD" or answer.length == 0:
            self._finish()

    def header(self, name: str) -> str | None:
        """A header's first value."""
        return self._answer.headers.get(name)

    def header_values(self, name: str) -> list[str]:
        return list(self._answer.headers.get_all(name) or ())

    def as_document(self) -> None:
        """What comes from here on may not drip (:class:`Patience`)."""
        if self._patience is None:
            self._patience = Patience(self._stall_seconds)

    def readinto(self, view: memoryview) -> int:
        """Read some bytes, as many as come in a moment; 0 at the body's end.

        Waits for the first bytes only: what came is passed on while the rest is under way, however slow.

        :raises ConnectionBroken: the connection broke, stalled, or ended before the promised length; or a document
            drips.
        """
        if self._patience is None:
            return self._read_moment(view)
        count = self._patience.read(self._read_moment, view)
        if count and self._patience.is_over:
            self.close()
            raise ConnectionBroken("the body drips", stalled=True)
        return count

    def _read_moment(self, view: memoryview) -> int:
        connection = self._connection
        if self._broke is not None:
            raise self._broke
        if connection is None or not view.nbytes:
            return 0
        if self._left is not None:
            view = view[: self._left]
        enough, until = view.nbytes // 2, time.monotonic() + _MOMENT_SECONDS
        count = 0
        while count <= enough and (count == 0 or time.monotonic() < until):
            try:
                with _Translated(connection):
                    got = self._read_some(view[count:])
            except (ConnectionBroken, ProtocolError) as error:
                if not count:
                    raise
                self._broke = error  # What came before it is not lost.
                return count
            count += got
            if self._left is not None:
                self._left -= got
            if got == 0:
                break
        if count == 0 and self._left:
            self.close()
            raise ConnectionBroken("the body ended before its announced length")
        if count == 0 or self._left == 0:
            self._finish()
        return count

    def _read_some(self, view: memoryview) -> int:
        """One read of the socket."""
        if not self._answer.chunked:
            return int(self._answer.fp.readinto1(view))
        self._raw.expect_piece(view.nbytes)
        piece = self._answer.read1(view.nbytes)
        view[: len(piece)] = piece
        return len(piece)

    def read(self, limit: int, *, came: Callable[[int], None] = lambda _total: None) -> bytes:
        """The whole body, if it has at most ``limit`` bytes.

        :param came: told after each piece how many bytes there are; may wait, or raise to take in no more.
        :raises ConnectionBroken: as :meth:`readinto` of a document.
        :raises OverflowError: there is more.
        """
        if self.length is not None and self.length > limit:
            self.close()
            raise OverflowError
        self.as_document()
        body = bytearray()
        total = 0
        view = memoryview(bytearray(min(64 * 1024, limit + 1)))
        while count := self.readinto(view):
            total += count
            try:
                came(total)
            except BaseException:
                self.close()
                raise
            if total > limit:
                self.close()
                raise OverflowError
            body += view[:count]
        return bytes(body)

    def discard(self) -> None:
        """End the answer; a short rest of the body that is there is read away, for the connection to be used again."""
        try:
            if self._connection is not None:
                self._connection.sock.settimeout(DISCARD_SECONDS)
            self._patience = Patience(DISCARD_SECONDS)
            self.read(HEADER_BYTES)
        except (OverflowError, ConnectionBroken, ProtocolError):
            self.close()

    def close(self) -> None:
        """Drop the connection with whatever is still to come."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _finish(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.done(reusable=not self._answer.will_close)


class Connection:
    """Belongs to one request at a time; ``give_back`` gets it when an answer ended well."""

    def __init__(
        self,
        sock: socket.socket,
        *,
        url: Url,
        cancel: CancelToken,
        stall_seconds: float,
        give_back: Callable[[Connection], None],
        forwarded_by: Proxy | None = None,
    ) -> None:
        """:param forwarded_by: the other side is this proxy, which fetches what it is asked for over plain HTTP."""
        self.origin = url.origin
        self.forwarded_by = forwarded_by
        self.cancel = cancel
        self.opened_at = time.monotonic()
        self.idle_since = 0.0
        self.reused = False
        self.sock = sock
        self.stall_seconds = stall_seconds
        self._give_back: Callable[[Connection], None] | None = give_back
        #: No piece was lost in the middle: what is sent next is read as a new request.
        self._whole = True
        self._watch()

    def serve(
        self, cancel: CancelToken, stall_seconds: float, give_back: Callable[[Connection], None]
    ) -> None:
        """After a rest: whose cancel ends it from now on, and who gets it then.

        :raises Canceled: it came already; the connection is closed.
        """
        self.cancel, self.stall_seconds, self._give_back = cancel, stall_seconds, give_back
        self._watch()

    def _watch(self) -> None:
        try:
            self.cancel.watch(self.sock)
        except BaseException:
            self.sock.close()
            raise

    def send_head(self, method: str, url: Url, headers: Iterable[tuple[str, str]]) -> None:
        """Request line and headers.

        :raises ConnectionBroken:
        :raises ValueError: a header would break out of its line.
        """
        lines = [f"{name}: {value}" for name, value in headers]
        target = url.target
        if self.forwarded_by is not None:
            target = url.whole
            if shown := self.forwarded_by.authorization:
                lines.append(f"Proxy-Authorization: {shown}")
        for line in lines:
            if not _HEADER_LINE.fullmatch(line):
                raise ValueError(f"header {line.partition(':')[0]!r} cannot be sent")
        first = (f"{method} {target} HTTP/1.1", f"Host: {url.authority}")
        self.sock.settimeout(self.stall_seconds)
        self.send("\r\n".join([*first, *lines, "", ""]).encode("ascii"))

    def send(self, piece: bytes | memoryview) -> None:
        """All of ``piece``; with every part of it that the other side takes the stall time starts again.

        :raises ConnectionBroken: the connection stays open, because an answer may say why.
        """
        view = memoryview(piece)
        whole, self._whole = self._whole, False
        with _Translated(self, closes=False):
            while view.nbytes:
                view = view[self.sock.send(view) :]
        self._whole = whole

    def answer(self, method: str, url: Url, *, seconds: float) -> Response:
        """Wait up to ``seconds`` for status and headers.

        :raises ConnectionBroken: none came.
        :raises ProtocolError:
        """
        raw = _Raw(self.sock, seconds=seconds, stall_seconds=self.stall_seconds)
        with _Translated(self, raw):
            answer = ResponseHead(raw, method=method)  # type: ignore[arg-type]
            answer.begin()
            raw.headers_done()
        return Response(answer, raw, self, url, method)

    def done(self, *, reusable: bool) -> None:
        """The answer ended; the connection serves the next request or closes."""
        give_back, self._give_back = self._give_back, None
        if reusable and self._whole and give_back is not None:
            self.cancel.forget(self.sock)
            give_back(self)
        else:
            self.close()

    def close(self) -> None:
        self.cancel.forget(self.sock)
        self.sock.close()
