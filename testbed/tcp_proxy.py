"""A TCP proxy that breaks things on demand: slow, cut, frozen, reset, refused, silent, impatient. Counts what passes.

Faults are attributes and methods that may be changed while connections are open. It knows no protocol, so it stands
before registries, Redis and PostgreSQL alike.
"""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Literal, Self

LOOPBACK: Final = "127.0.0.1"
CHUNK: Final = 64 * 1024
#: How often a waiting pump looks whether the fault is over. Seconds.
POLL_SECONDS: Final = 0.02

Direction = Literal["up", "down"]


@dataclass
class Counters:
    """Bytes that passed: ``up`` towards the service, ``down`` back to the client; ``idled``: connections closed
    because nothing passed.
    """

    connections: int = 0
    up: int = 0
    down: int = 0
    idled: int = 0


@dataclass(eq=False)
class _Link:
    client: socket.socket
    server: socket.socket
    moved: dict[str, int] = field(default_factory=lambda: {"up": 0, "down": 0})
    #: Done before the next bytes of an answer are passed on.
    on_answer: Callable[[], None] | None = None
    closing: threading.Event = field(default_factory=threading.Event)
    moved_at: float = field(default_factory=time.monotonic)


@dataclass(eq=False)
class _Wire:
    pattern: re.Pattern[bytes]
    act: Callable[[], None]
    answered: bool


class TcpProxy:
    """Stands at ``port`` before ``upstream``. Use it as a context manager.

    :param upstream: host and port of the real service.
    """

    def __init__(self, upstream: tuple[str, int], *, host: str = LOOPBACK) -> None:
        self.upstream = upstream
        self.host = host
        self.counters = Counters()
        #: Bytes a second down to all clients together; None: as fast as it goes.
        self.rate: float | None = None
        #: Added to every piece, both ways. Seconds.
        self.delay = 0.0
        #: Connections on which nothing has moved for this long, either way, are closed. Seconds.
        self.idle_seconds: float | None = None
        self._frozen = threading.Event()
        self._silent = threading.Event()
        self._cut: dict[str, int] = {}
        self._cuts_left = 0
        self._wires: list[_Wire] = []
        self._lock = threading.Lock()
        self._links: set[_Link] = set()
        self._allowance = 0.0
        self._allowed_at = time.monotonic()
        self._listener: socket.socket | None = socket.create_server((host, 0))
        self.port: int = self._listener.getsockname()[1]
        self._closed = False
        self._accepting = threading.Thread(target=self._accept, args=(self._listener,), daemon=True)
        self._accepting.start()

    @property
    def address(self) -> str:
        """``host:port``, as references name it."""
        return f"{self.host}:{self.port}"

    # --- faults -------------------------------------------------------------------------------------

    def freeze(self) -> None:
        """Connections stay open but nothing moves through them, in either direction."""
        self._frozen.set()

    def thaw(self) -> None:
        """Everything that was held back moves on."""
        self._frozen.clear()

    def cut_after(self, count: int, *, direction: Direction = "down", times: int = 1) -> None:
        """Close each of the next ``times`` connections that reach ``count`` bytes in this direction."""
        with self._lock:
            self._cut = {direction: count}
            self._cuts_left = times

    def trip(self, pattern: bytes, act: Callable[[], None], *, answered: bool = False) -> None:
        """Once: before bytes that match go up to the service, call ``act``.

        :param answered: let them pass, and call ``act`` before the answer goes down to the client.
        """
        with self._lock:
            self._wires.append(_Wire(re.compile(pattern), act, answered))

    def reset_all(self) -> int:
        """Break every open connection with a reset; how many there were."""
        with self._lock:
            links = list(self._links)
        for link in links:
            for end in (link.client, link.server):
                with contextlib.suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            # Only our own reading is shut: a FIN before the RST would read as an orderly end.
            self._end(link, how=socket.SHUT_RD)
        return len(links)

    def refuse(self) -> None:
        """The port is closed, and open connections break."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            self._accepting.join()
        self.reset_all()

    def accept(self) -> None:
        """Listen again, on the same port."""
        if self._listener is None:
            self._listener = socket.create_server((self.host, self.port))
            self._accepting = threading.Thread(target=self._accept, args=(self._listener,), daemon=True)
            self._accepting.start()

    def swallow(self) -> None:
        """A black hole: new connections are taken, nothing ever comes back; open ones break."""
        self._silent.set()
        self.reset_all()

    def heal(self) -> None:
        """Faults end; what a black hole took breaks, so that its clients try again."""
        self.rate, self.delay = None, 0.0
        with self._lock:
            self._cuts_left = 0
        self.thaw()
        if self._silent.is_set():
            self._silent.clear()
            self.reset_all()
        self.accept()

    def close(self) -> None:
        """End everything."""
        self._closed = True
        self.thaw()
        self.refuse()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- what is open -------------------------------------------------------------------------------

    @property
    def open_connections(self) -> int:
        """Connections that are open now."""
        with self._lock:
            return len(self._links)

    # --- moving bytes -------------------------------------------------------------------------------

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.counters.connections += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        server = socket.socket()
        link = _Link(client, server)
        with self._lock:
            self._links.add(link)
        if self._silent.is_set():
            return  # held open and unanswered until the link is ended
        try:
            server.settimeout(10)
            server.connect(self.upstream)
            server.settimeout(None)
        except OSError:
            self._end(link)
            return
        for end in (client, server):
            with contextlib.suppress(OSError):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=self._pump, args=(link, client, server, "up"), daemon=True).start()
        threading.Thread(target=self._watch, args=(link,), daemon=True).start()
        self._pump(link, server, client, "down")

    def _pump(self, link: _Link, source: socket.socket, sink: socket.socket, direction: Direction) -> None:
        try:
            while piece := source.recv(CHUNK):
                self._trip(link, piece, direction)
                self._hold(link, len(piece) if direction == "down" else 0)
                piece, last = self._until_cut(link, piece, direction)
                sink.sendall(piece)
                self._count(link, direction, len(piece))
                if last:
                    break
            else:
                # The other direction may still have something to say.
                self._hold(link, 0)
                sink.shutdown(socket.SHUT_WR)
                if direction == "up":
                    return
        except OSError:
            pass  # one of the ends broke: that ends both, below
        self._end(link)

    def _watch(self, link: _Link) -> None:
        while not link.closing.wait(POLL_SECONDS):
            if self.idle_seconds is not None and time.monotonic() - link.moved_at > self.idle_seconds:
                self.counters.idled += 1
                self._end(link)

    def _trip(self, link: _Link, piece: bytes, direction: Direction) -> None:
        act: Callable[[], None] | None = None
        with self._lock:
            if direction == "down":
                act, link.on_answer = link.on_answer, None
            elif wire := next((each for each in self._wires if each.pattern.search(piece)), None):
                self._wires.remove(wire)
                if wire.answered:
                    link.on_answer = wire.act
                else:
                    act = wire.act
        if act is not None:
            act()

    def _hold(self, link: _Link, count: int) -> None:
        if self.delay:
            link.closing.wait(self.delay)
        while self._frozen.is_set() and not link.closing.is_set():
            time.sleep(POLL_SECONDS)
        while count > 0 and self.rate and not link.closing.is_set() and not self._allowed(count):
            time.sleep(POLL_SECONDS)

    def _allowed(self, count: int) -> bool:
        """A bucket that fills with ``rate`` bytes a second, a tenth of a second deep, may go into debt once."""
        with self._lock:
            rate = self.rate
            if not rate:
                return True
            now = time.monotonic()
            self._allowance = min(self._allowance + (now - self._allowed_at) * rate, rate / 10)
            self._allowed_at = now
            if self._allowance < 0:
                return False
            self._allowance -= count
            return True

    def _until_cut(self, link: _Link, piece: bytes, direction: Direction) -> tuple[bytes, bool]:
        with self._lock:
            left = self._cut.get(direction, 0) - link.moved[direction]
            if self._cuts_left <= 0 or direction not in self._cut or len(piece) < left:
                return piece, False
            self._cuts_left -= 1
            return piece[: max(0, left)], True

    def _count(self, link: _Link, direction: Direction, count: int) -> None:
        with self._lock:
            link.moved[direction] += count
            link.moved_at = time.monotonic()
            if direction == "up":
                self.counters.up += count
            else:
                self.counters.down += count

    def _end(self, link: _Link, how: int = socket.SHUT_RDWR) -> None:
        with self._lock:
            self._links.discard(link)
        link.closing.set()
        for end in (link.client, link.server):
            with contextlib.suppress(OSError):
                end.shutdown(how)
            end.close()
