"""Listening sockets on loopback, each on a free port."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Serve = Callable[[socket.socket], None]


def serve_nothing(_connection: socket.socket) -> None:
    """Accept and close."""


@contextmanager
def listener(serve: Serve = serve_nothing, *, host: str = "127.0.0.1") -> Iterator[int]:
    """A server that hands each connection to ``serve``; yields its port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:
        thread = threading.Thread(target=_accept, args=(server, serve), daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def _accept(server: socket.socket, serve: Serve) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            serve(connection)


def serving_tls(context: ssl.SSLContext, names: list[str | None] | None = None) -> Serve:
    """A TLS server that greets and closes; server names that clients asked for go into ``names``."""

    def remember(_socket: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        if names is not None:
            names.append(name)

    context.sni_callback = remember

    def serve(connection: socket.socket) -> None:
        try:
            with context.wrap_socket(connection, server_side=True) as secure:
                secure.sendall(b"hello")
        except OSError:
            return  # The client did not like the certificate: what its test is about.

    return serve


@contextmanager
def black_hole() -> Iterator[int]:
    """A port of 127.0.0.1 where connections hang: its queue is full, and nobody accepts."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        address = server.getsockname()
        fillers: list[socket.socket] = []
        try:
            for _ in range(4):
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex(address)
                fillers.append(filler)
            yield address[1]
        finally:
            for filler in fillers:
                filler.close()


def closed_port() -> int:
    """A port of 127.0.0.1 where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
