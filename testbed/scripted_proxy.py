"""A forward proxy that does as it is told: HTTP CONNECT and absolute form, SOCKS5 with and without a password.

It records what it is asked, so that a test can say what reached it; names lead where ``hosts`` says.
"""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

PIECE: Final = 64 * 1024


@dataclass
class Asked:
    """One question: ``method`` is CONNECT, the method of a plain request, or SOCKS; ``target`` as written."""

    method: str
    target: str
    head: str = ""


@dataclass
class Fault:
    """What it does instead of its work: answers ``status`` (HTTP) or ``reply`` (SOCKS5), or sends ``raw`` bytes."""

    status: int = 0
    reply: int = 0
    raw: bytes | None = None
    headers: list[str] = field(default_factory=list)


class ScriptedProxy:
    """Use it as a context manager.

    :param account: user name and password that it wants; None lets everyone through.
    :param hosts: where names lead, ``host|port`` for another port; literals lead to themselves.
    :param port: 0: any free one.
    """

    def __init__(
        self,
        *,
        account: tuple[str, str] | None = None,
        hosts: dict[str, str] | None = None,
        port: int = 0,
    ) -> None:
        self.account = account
        self.hosts = hosts or {}
        self.asked: list[Asked] = []
        self.fault: Fault | None = None
        #: Break each connection after so many bytes down to the client; used once.
        self.cut_after: int | None = None
        self._live: set[socket.socket] = set()
        self._server = socket.create_server(("127.0.0.1", port))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def name(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, scheme: str = "http", account: str = "") -> str:
        return f"{scheme}://{account and account + '@'}{self.name}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Refuse connections from now on, and end those that are open."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for each in list(self._live):
            _end(each)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        self._live.add(client)
        try:
            with client:
                first = client.recv(1, socket.MSG_PEEK)
                (self._socks if first == b"\x05" else self._http)(client)
        except (OSError, ValueError):
            return  # The client, or the host behind, went away: what some tests are about.
        finally:
            self._live.discard(client)

    # --- HTTP ----------------------------------------------------------------------------------------------

    def _http(self, client: socket.socket) -> None:
        head = _read_head(client)
        asked = self._note(head)
        if self.fault is not None and self.fault.raw is not None:
            client.sendall(self.fault.raw)
            return
        status = self.fault.status if self.fault else 0 if self._knows(head) else 407
        if status:
            lines = [
                f"HTTP/1.1 {status} No",
                *(self.fault.headers if self.fault else []),
                "Content-Length: 0",
            ]
            client.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
            return
        if asked.method == "CONNECT":
            with self._dial(asked.target) as upstream:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                self._pump(client, upstream, client.recv)
            return
        authority = asked.target.removeprefix("http://").partition("/")[0]
        with self._dial(authority if ":" in authority else f"{authority}:80") as upstream:
            upstream.sendall(_as_to_the_source(head))
            self._pump(client, upstream, lambda _count: _as_to_the_source(self._noted(client)))

    def _note(self, head: str) -> Asked:
        method, target, _ = head.partition("\r\n")[0].split(" ")
        self.asked.append(Asked(method, target, head))
        return self.asked[-1]

    def _noted(self, client: socket.socket) -> str:
        head = _read_head(client)
        self._note(head)
        return head

    def _knows(self, head: str) -> bool:
        if self.account is None:
            return True
        pair = base64.b64encode(":".join(self.account).encode()).decode()
        return f"Proxy-Authorization: Basic {pair}" in head

    # --- SOCKS5 --------------------------------------------------------------------------------------------

    def _socks(self, client: socket.socket) -> None:
        _, count = _exactly(client, 2)
        methods = _exactly(client, count)
        if self.fault is not None and self.fault.raw is not None:
            client.sendall(self.fault.raw)
            return
        if self.account is not None and 2 not in methods:
            client.sendall(b"\x05\xff")
            return
        client.sendall(b"\x05\x02" if self.account else b"\x05\x00")
        if self.account is not None and not self._is_let_in(client):
            return
        _, _, _, kind = _exactly(client, 4)
        if kind == 3:
            host = _exactly(client, _exactly(client, 1)[0]).decode()
        else:
            host = str(ipaddress.ip_address(_exactly(client, 4 if kind == 1 else 16)))
        target = f"{host}:{int.from_bytes(_exactly(client, 2), 'big')}"
        self.asked.append(Asked("SOCKS", target))
        reply = self.fault.reply if self.fault else 0
        if reply:
            client.sendall(bytes([5, reply, 0, 1]) + bytes(6))
            return
        with self._dial(target) as upstream:
            client.sendall(b"\x05\x00\x00\x01" + bytes(6))
            self._pump(client, upstream, client.recv)

    def _is_let_in(self, client: socket.socket) -> bool:
        _exactly(client, 1)
        given = tuple(_exactly(client, _exactly(client, 1)[0]).decode() for _ in range(2))
        client.sendall(b"\x01\x00" if given == self.account else b"\x01\x01")
        return given == self.account

    # --- bytes ---------------------------------------------------------------------------------------------

    def _dial(self, target: str) -> socket.socket:
        host, _, port = target.rpartition(":")
        host, _, other = self.hosts.get(host, host.strip("[]")).partition("|")
        made = socket.create_connection((host, int(other or port)), timeout=10)
        self._live.add(made)
        return made

    def _pump(self, client: socket.socket, upstream: socket.socket, read: Callable[[int], bytes]) -> None:
        up = threading.Thread(target=_copy, args=(read, upstream), daemon=True)
        up.start()
        moved = 0
        try:
            while piece := upstream.recv(PIECE):
                moved += len(piece)
                client.sendall(piece)
                if self.cut_after is not None and moved >= self.cut_after:
                    self.cut_after = None
                    return
        finally:
            self._live.discard(upstream)
            _end(client)
            _end(upstream)
            up.join(5)


def _copy(read: Callable[[int], bytes], target: socket.socket) -> None:
    with contextlib.suppress(OSError, ValueError):
        while piece := read(PIECE):
            target.sendall(piece)
    _end(target)


def _read_head(sock: socket.socket) -> str:
    """The head of a request without a body, which is all that sources are sent."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        piece = sock.recv(PIECE)
        if not piece:
            raise ValueError("ended too early")
        head += piece
    return head.decode()


def _as_to_the_source(head: str) -> bytes:
    first, *lines = head.split("\r\n")
    method, target, version = first.split(" ")
    path = target.removeprefix("http://").partition("/")[2]
    kept = [line for line in lines if not line.lower().startswith("proxy-")]
    return "\r\n".join([f"{method} /{path} {version}", *kept]).encode()


def _end(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _exactly(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = sock.recv(count - len(data))
        if not piece:
            raise ValueError("ended too early")
        data += piece
    return data
