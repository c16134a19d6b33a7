"""A client that costs next to nothing, so that what is measured is the server: one connection, requests made once."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Answers:
    """How long each took, and which statuses there were."""

    milliseconds: list[float] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)
    seconds: float = 0.0


def ask_for(
    url: str, path: str, token: str, *, seconds: float = 0.0, bodies: Sequence[bytes] = ()
) -> Answers:
    """GET again and again for so many seconds, or POST each of ``bodies``.

    :param token: of the API; or a cookie, ``sessionid=…``, as a browser with htmx sends it.
    """
    where = urlsplit(url)
    sign_in = f"Cookie: {token}\r\nHX-Request: true" if "=" in token else f"Authorization: Bearer {token}"
    head = f"{path} HTTP/1.1\r\nHost: {where.netloc}\r\n{sign_in}\r\nAccept: */*\r\n"
    found = Answers()
    with socket.create_connection((where.hostname or "", where.port or 80), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        began = time.monotonic()
        for body in bodies:
            length = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            _ask(connection, f"POST {head}{length}".encode() + body, found)
        while not bodies and time.monotonic() - began < seconds:
            _ask(connection, f"GET {head}\r\n".encode(), found)
        found.seconds = time.monotonic() - began
    return found


def _ask(connection: socket.socket, request: bytes, found: Answers) -> None:
    began = time.monotonic()
    connection.sendall(request)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += _more(connection)
    headers, _, body = answer.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in headers.split(b"\r\n")[1:])
    missing = int(fields[b"content-length"]) - len(body)
    while missing > 0:
        missing -= len(_more(connection))
    found.milliseconds.append((time.monotonic() - began) * 1000)
    found.statuses.add(int(answer.split(b" ", 2)[1]))


def _more(connection: socket.socket) -> bytes:
    if not (received := connection.recv(1 << 16)):
        raise ConnectionError("the server ended the connection")
    return received
