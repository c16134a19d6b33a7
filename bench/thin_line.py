"""A long, thin line on loopback, made of a TCP proxy: round trips are felt, each connection gets only so much.

No root is needed, and no kernel module: every piece of bytes is passed on when a real line would have brought it.
"""

from __future__ import annotations

import contextlib
import queue
import random
import socket
import threading
import time
from dataclasses import dataclass
from typing import Final, Self

#: What is read from the server at once; small enough that connections share the line fairly.
_PIECE: Final = 16 * 1024
#: Bytes that are on the line already: reading runs ahead of the rate by no more than this. Seconds.
_AHEAD: Final = 0.02
#: Round trips that opening a connection costs: one for TCP, one for TLS 1.3.
_TO_OPEN: Final = 2
_LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True)
class Line:
    """What a line is like.

    :param round_trip: seconds.
    :param each: bytes a second down each connection; ``together``: down all of them. None: as fast as it goes.
    :param cut: each connection ends after this many bytes down, drawn between the two.
    """

    round_trip: float
    each: float | None = None
    together: float | None = None
    cut: tuple[int, int] | None = None


@dataclass(frozen=True)
class Arrival:
    """``count`` bytes that have passed a connection, counted from 1, at the moment ``at`` of :func:`time.monotonic`."""

    connection: int
    at: float
    count: int


class ThinLine:
    """Stands before ``upstream``. A context manager; closing it ends every connection."""

    def __init__(self, upstream: str, line: Line, *, seed: int = 1) -> None:
        host, _, port = upstream.rpartition(":")
        self._upstream = (host, int(port))
        self.line = line
        self.connections = 0
        self.received = 0
        self.arrivals: list[Arrival] = []
        self._dice = random.Random(seed)
        self._lock = threading.Lock()
        self._free_at = 0.0
        self._live: set[socket.socket] = set()
        self._listener = socket.create_server((_LOOPBACK, 0), backlog=128)
        self.host = f"{_LOOPBACK}:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        _end(self._listener)
        with self._lock:
            live = list(self._live)
        for each in live:
            _end(each)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        server = socket.create_connection(self._upstream)
        with self._lock:
            self.connections += 1
            number = self.connections
            self._live |= {client, server}
            cut = self._dice.randint(*self.line.cut) if self.line.cut else None
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened = time.monotonic() + _TO_OPEN * self.line.round_trip
        up = threading.Thread(target=self._carry, args=(client, server, opened, None), daemon=True)
        up.start()
        self._carry(server, client, opened, cut, down=number)
        up.join()
        with self._lock:
            self._live -= {client, server}

    def _carry(
        self,
        source: socket.socket,
        sink: socket.socket,
        opened: float,
        left: int | None,
        *,
        down: int = 0,
    ) -> None:
        """One direction of a connection that opens at ``opened``, until it ends or ``left`` bytes have passed; upwards
        the line is wide.

        :param down: the connection's number where this is the way down.
        """
        under_way: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
        out = threading.Thread(target=self._deliver, args=(under_way, source, sink), daemon=True)
        out.start()
        free_at = opened
        with contextlib.suppress(OSError):
            while left != 0 and (piece := source.recv(_PIECE)):
                if left is not None:
                    piece = piece[:left]
                    left -= len(piece)
                free_at = self._passes(len(piece), free_at) if down else max(free_at, time.monotonic())
                if down:
                    self.arrivals.append(Arrival(down, free_at, len(piece)))
                under_way.put((free_at + self.line.round_trip / 2, piece))
                if down:
                    time.sleep(max(0.0, free_at - time.monotonic() - _AHEAD))
        under_way.put((max(free_at, time.monotonic()) + self.line.round_trip / 2, b""))
        out.join()

    def _passes(self, count: int, free_at: float) -> float:
        """When ``count`` more bytes have passed a connection whose last ones have at ``free_at``."""
        own = max(free_at, time.monotonic()) + (count / self.line.each if self.line.each else 0.0)
        with self._lock:
            self.received += count
            if self.line.together:
                self._free_at = max(self._free_at, time.monotonic()) + count / self.line.together
                own = max(own, self._free_at)
        return own

    def _deliver(
        self, under_way: queue.SimpleQueue[tuple[float, bytes]], source: socket.socket, sink: socket.socket
    ) -> None:
        with contextlib.suppress(OSError):
            while True:
                due, piece = under_way.get()
                time.sleep(max(0.0, due - time.monotonic()))
                if not piece:
                    break
                sink.sendall(piece)
        _end(source)
        _end(sink)


def _end(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
