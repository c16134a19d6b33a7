"""Listeners that nobody may reach: whoever connects is remembered."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Self

NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Canary:
    """Listens on one loopback address; answers everybody with the same bytes. A context manager.

    :param port: 0: any free one.
    :ivar visits: what each visitor sent first.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, *, answer: bytes = NOT_FOUND) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._server = socket.create_server((host, port), family=family, backlog=64)
        self._answer = answer
        self.host = host
        self.port: int = self._server.getsockname()[1]
        self.visits: list[bytes] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def server_name(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def _accept(self) -> None:
        while True:
            try:
                visitor, _ = self._server.accept()
            except OSError:
                return
            with visitor:
                self.visits.append(b"")
                visitor.settimeout(2)
                try:
                    self.visits[-1] = visitor.recv(65536)
                    visitor.sendall(self._answer)
                except OSError:
                    continue  # It came; what it did then is of no interest.

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(5)
