"""An HTTP server on raw sockets that misbehaves exactly as it is told: the base of the scripted registry.

Everything that it is sent is recorded, so a test can say what each host was shown.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl

PIECE = 256 * 1024


@dataclass
class Request:
    """What a client sent. ``headers`` have lower-case names; ``at`` is on the monotonic clock."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes = b""
    #: How many bytes of the body were read; ``body`` keeps them only for small ones and uploads.
    body_bytes: int = 0
    at: float = field(default_factory=time.monotonic)
    #: The address that the client connected to, ``host:port``.
    server: str = ""

    def asked(self, name: str) -> str:
        """A query parameter, empty when absent."""
        return next((value for key, value in self.query if key == name), "")

    @property
    def authorization(self) -> str:
        return self.headers.get("authorization", "")


@dataclass
class Reply:
    """What to answer, and how to fail at it.

    ``cut_at``: after so many body bytes, end the connection by ``cut_by``: ``reset`` (RST) or ``end`` (FIN).
    ``stall_at``: after so many body bytes, say nothing for ``stall_seconds`` (or until the server stops).
    ``drip``: send the body in pieces of so many bytes with ``drip_seconds`` between them.
    ``length``: what Content-Length says, if not the truth; None sends the body chunked.
    ``raw``: send this and nothing else, then close.
    """

    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    length: int | None = -1
    cut_at: int | None = None
    cut_by: str = "reset"
    stall_at: int | None = None
    stall_seconds: float = 3600.0
    drip: int = 0
    drip_seconds: float = 0.0
    raw: bytes | None = None
    close: bool = False


class Hangup(Exception):
    """The connection is to end at once; ``by`` as in :class:`Reply`, ``answer`` is sent before."""

    def __init__(self, by: str = "reset", answer: bytes = b"") -> None:
        super().__init__(by)
        self.by = by
        self.answer = answer


Handler = Callable[[Request], Reply]
#: Called with a request whose body is still unread and a function that reads the next piece of it.
ReadBody = Callable[[Request, Callable[[], bytes]], None]


class ScriptedServer:
    """Answers each request by ``handler``. A context manager; stops with all its connections.

    :param host: any loopback address: ``127.0.0.2`` is another host than ``127.0.0.1``.
    :param tls: a server context for https.
    """

    def __init__(
        self, handler: Handler | None = None, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
    ) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self._handler = handler
        self._tls = tls
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._live: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family, backlog=64)
        self.host = host
        self.port: int = self._listener.getsockname()[1]
        self.server_name = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self.server_name}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        self._spawn(self._accept)

    def stop(self) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            # A close alone does not wake the thread in accept().
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop_connections()
        for thread in list(self._threads):
            thread.join(5)

    def drop_connections(self) -> None:
        """Hang up on everybody, as a server does that restarts; new connections are taken."""
        with self._lock:
            live = list(self._live)
        for connection in live:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def handle(self, request: Request) -> Reply:
        """The answer to a request; raises :class:`Hangup` to give none. Overridden by servers with a mind."""
        return self._handler(request) if self._handler else Reply(404)

    def read_body(self, request: Request, next_piece: Callable[[], bytes]) -> None:
        """Take in the request's body; raises :class:`Hangup` to break off."""
        while piece := next_piece():
            request.body_bytes += len(piece)
            request.body += piece

    def seen(self, method: str = "", part: str = "") -> list[Request]:
        """Requests so far, of a method and with a part of the path where given."""
        with self._lock:
            found = list(self.requests)
        return [each for each in found if (not method or each.method == method) and part in each.path]

    # --- the wire ------------------------------------------------------------------------------------------

    def _spawn(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._live.add(connection)
                self.connections += 1
            self._spawn(self._serve, connection)

    def _serve(self, plain: socket.socket) -> None:
        connection = plain
        try:
            if self._tls is not None:
                connection = self._tls.wrap_socket(plain, server_side=True)
                with self._lock:
                    self._live.add(connection)
            with connection, connection.makefile("rb") as reader:
                while not self._stopping.is_set() and self._serve_one(connection, reader):
                    pass
        except (OSError, ValueError):
            return  # The client went away, which is its right.
        finally:
            with self._lock:
                self._live -= {plain, connection}

    def _serve_one(self, connection: socket.socket, reader: Iterable[bytes]) -> bool:
        """Read one request and answer it; whether the connection stays."""
        request = self._read_head(reader)
        if request is None:
            return False
        try:
            self.read_body(request, self._body_reader(request, reader))
            reply = self.handle(request)
        except Hangup as hangup:
            connection.sendall(hangup.answer)
            _end(connection, hangup.by)
            return False
        return self._write(connection, request, reply)

    def _read_head(self, reader: Iterable[bytes]) -> Request | None:
        line = reader.readline(65536)  # type: ignore[attr-defined]
        if not line.strip():
            return None
        method, target, _ = line.decode("ascii").split(" ", 2)
        headers: dict[str, str] = {}
        while (line := reader.readline(65536)).strip():  # type: ignore[attr-defined]
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        path, _, query = target.partition("?")
        request = Request(
            method, path, parse_qsl(query, keep_blank_values=True), headers, server=self.server_name
        )
        with self._lock:
            self.requests.append(request)
        return request

    def _body_reader(self, request: Request, reader: Iterable[bytes]) -> Callable[[], bytes]:
        left = int(request.headers.get("content-length", "0"))

        def next_piece() -> bytes:
            nonlocal left
            piece: bytes = reader.read1(min(PIECE, left)) if left else b""  # type: ignore[attr-defined]
            if left and not piece:
                raise OSError("the client broke off its request")
            left -= len(piece)
            return piece

        return next_piece

    def _write(self, connection: socket.socket, request: Request, reply: Reply) -> bool:
        if reply.raw is not None:
            connection.sendall(reply.raw)
            return False
        head = [f"HTTP/1.1 {reply.status} Scripted"]
        head += [f"{name}: {value}" for name, value in reply.headers]
        chunked = reply.length is None
        if chunked:
            head.append("Transfer-Encoding: chunked")
        elif not any(name.lower() == "content-length" for name, _ in reply.headers):
            head.append(f"Content-Length: {len(reply.body) if reply.length == -1 else reply.length}")
        if reply.close:
            head.append("Connection: close")
        connection.sendall("\r\n".join([*head, "", ""]).encode("latin-1"))
        if request.method == "HEAD":
            return not reply.close
        if not self._write_body(connection, reply, chunked):
            return False
        return not reply.close

    def _write_body(self, connection: socket.socket, reply: Reply, chunked: bool) -> bool:
        body = memoryview(reply.body)
        at = 0
        stops = sorted(each for each in (reply.cut_at, reply.stall_at) if each is not None)
        while at < len(body) or stops:
            if stops and at >= min(stops[0], len(body)):
                if reply.cut_at is not None and at >= min(reply.cut_at, len(body)):
                    # A reset takes with it what the client has not read yet.
                    self._stopping.wait(0.1)
                    _end(connection, reply.cut_by)
                    return False
                stops.remove(min(stops))
                self._stopping.wait(reply.stall_seconds)
                continue
            end = min([at + (reply.drip or PIECE), len(body), *stops])
            piece = body[at:end]
            connection.sendall(b"%x\r\n%b\r\n" % (len(piece), bytes(piece)) if chunked else piece)
            at = end
            if reply.drip_seconds:
                self._stopping.wait(reply.drip_seconds)
        if chunked:
            connection.sendall(b"0\r\n\r\n")
        return True


def _end(connection: socket.socket, by: str) -> None:
    if by == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    else:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
    connection.close()
