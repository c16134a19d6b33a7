"""Gunicorn's thread worker with a front that collects requests: no thread waits for a request that has not arrived.

Gunicorn gives a connection to a thread at once, which then reads the request at the sender's pace: sixty senders that
stop in the middle stand still in every thread. Here the loop that accepts connections reads them too, and a thread
gets a request when it is whole. A slow sender costs a connection, and that for as long as
:mod:`registry_portal.web.pacing` says. Bodies that are not collected (longer than the site takes, of unknown length,
or held back until ``100 Continue``) are read by their threads, a quarter of them at most. Half of the threads may wait
for slow readers. A request whose answer has to wait for something else is set aside by the site
(:mod:`registry_portal.web.aside`): it costs a connection as well, and its thread only while the site is asked again.
``gunicorn.conf.py`` names this class.
"""

from __future__ import annotations

import os
import selectors
import socket
import threading
import time
from collections import deque
from functools import partial
from typing import Any, Final

from gunicorn import util
from gunicorn.workers.gthread import TConn, ThreadWorker

from registry_portal.web.aside import MAX_ASIDE, Application, Holding, SetAside
from registry_portal.web.collecting import Gathering
from registry_portal.web.pacing import GRACE, PacedSocket

#: Bytes that one process keeps of unfinished requests. Bodies beyond that go the way of long ones.
MAX_KEPT: Final = 64 * 1024 * 1024
#: A long body waits for this long for a thread that may read it, seconds.
LONG_WAIT: Final = 30.0
#: After an answer that ends the connection the peer has this long to close it, and may send this much; seconds, bytes.
LINGER: Final = 2.0
MAX_LINGERED: Final = 64 * 1024
_READ: Final = 64 * 1024
_REFUSALS: Final = {
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}


class Connection(TConn):
    """One connection, with what has arrived of the next request."""

    sock: PacedSocket

    def __init__(self, worker: PatientWorker, sock: PacedSocket, client: Any, server: Any) -> None:
        super().__init__(worker.cfg, sock, client, server)
        self._worker = worker
        self.gathering = Gathering()
        #: Its request is read by a thread.
        self.long = False
        #: The request that a thread has, as it came; when a thread first got it, and when it is asked for again;
        #: monotonic seconds.
        self.request = b""
        self.given_at = 0.0
        self.again_at = 0.0
        #: It is being closed; so many bytes were thrown away.
        self.lingered: int | None = None
        #: When it is given up, monotonic seconds; at the latest, where the worker stops.
        self.until = 0.0
        self.limit = float("inf")

    def close(self, graceful: bool = False) -> None:
        if not graceful or self.cfg.is_ssl or not self._worker.linger(self):
            super().close()


class PatientWorker(ThreadWorker):
    """See the module. All that stands here is done by the main loop."""

    wsgi: Application

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: Connections in the loop's care: collecting, lingering, or waiting for a thread that reads long bodies.
        self._waiting: dict[Connection, None] = {}
        self._queue: deque[Connection] = deque()
        self._most_long = max(1, self.cfg.threads // 4)
        self._long = 0
        self._slow = threading.BoundedSemaphore(max(1, self.cfg.threads // 2))
        self._kept = 0
        #: Connections whose requests the site has set aside.
        self._aside: dict[Connection, None] = {}

    def load_wsgi(self) -> None:
        super().load_wsgi()
        self.wsgi = Holding(self.wsgi, lambda: bool(self.alive) and len(self._aside) < MAX_ASIDE)

    def init_process(self) -> None:
        # Anyone who shares out threads (projects.places) is told of --threads, too.
        os.environ["WEB_THREADS"] = str(self.cfg.threads)
        super().init_process()

    # --- from the listener to a thread -----------------------------------------------------------

    def accept(self, listener: socket.socket) -> None:
        try:
            sock, client = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        self.nr_conns += 1
        paced = PacedSocket(fileno=sock.detach())
        self.enqueue_req(Connection(self, paced, client, listener.getsockname()))
        if self.nr_conns >= self.worker_connections:
            self._make_room()

    def enqueue_req(self, conn: Connection) -> None:
        """Collect the next request of a connection; every way to the threads leads through here."""
        if self.cfg.is_ssl:  # Its records can't be collected; TLS belongs to a proxy in front.
            super().enqueue_req(conn)
            return
        ahead = conn.parser.unreader.take_buffered() if conn.parser else b""
        conn.gathering = Gathering(ahead)
        conn.sock.setblocking(False)
        self._kept += len(ahead)
        self._wait(conn, self._collect)
        self._collect(conn, conn.sock)

    def _collect(self, conn: Connection, _file: Any) -> None:
        gathering = conn.gathering
        while gathering.wants_more and (gathering.headless or self._kept < MAX_KEPT):
            try:
                piece = conn.sock.recv(_READ)
            except BlockingIOError:
                conn.until = gathering.until
                return
            except OSError:
                piece = b""
            if not piece:
                self._drop(conn)
                return
            gathering.add(piece)
            self._kept += len(piece)
        self._leave(conn)
        if gathering.too_large:
            self._refuse(conn, 431)
        elif not gathering.is_long and not gathering.wants_more:
            self._give(conn)
        elif self._long < self._most_long:
            self._give_long(conn)
        else:
            conn.until = time.monotonic() + LONG_WAIT
            self._waiting[conn] = None
            self._queue.append(conn)

    def _give_long(self, conn: Connection) -> None:
        conn.long = True
        self._long += 1
        self._give(conn)

    def _give(self, conn: Connection) -> None:
        conn.request = conn.gathering.take()
        self._kept -= len(conn.request)
        conn.sock.aside_since = 0.0
        conn.given_at = time.monotonic()
        self._hand_over(conn)

    def _hand_over(self, conn: Connection) -> None:
        conn.sock.begin(self._slow)
        conn.data_ready = True
        conn.init()
        conn.parser.unreader.unread(conn.request)
        super().enqueue_req(conn)

    def finish_request(self, conn: Connection, fs: Any) -> None:
        if conn.long:
            conn.long = False
            self._long -= 1
        aside = None if fs.cancelled() else fs.exception()
        if isinstance(aside, SetAside):
            self._set_aside(conn, aside.seconds)
        else:
            super().finish_request(conn, fs)
        if self._queue and self._long < self._most_long:
            following = self._queue.popleft()
            del self._waiting[following]
            self._give_long(following)

    # --- requests set aside ----------------------------------------------------------------------

    def _set_aside(self, conn: Connection, seconds: float) -> None:
        conn.sock.aside_since = conn.given_at
        conn.again_at = time.monotonic() + seconds
        # What was read of it is read again, by a parser that knows nothing of it.
        conn.parser, conn.initialized = None, False
        conn.sock.setblocking(False)
        self._aside[conn] = None
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._look_aside, conn))

    def _look_aside(self, conn: Connection, _file: Any) -> None:
        """Its client is gone, or sends what nothing asked for: no one waits for the answer."""
        self._take_back(conn)
        self._end(conn)

    def _take_back(self, conn: Connection) -> None:
        del self._aside[conn]
        self.poller.unregister(conn.sock)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """As gunicorn's, which is the loop's one pause; then what was set aside is asked for again. At once where the
        worker stops: the site's answer is then sent as it is."""
        now = time.monotonic()
        due = min((conn.again_at for conn in self._aside), default=now + timeout) if self.alive else now
        super().wait_for_and_dispatch_events(max(0.0, min(timeout, due - now)) if self._aside else timeout)
        now = time.monotonic()
        for conn in [each for each in self._aside if each.again_at <= now or not self.alive]:
            self._take_back(conn)
            self._hand_over(conn)

    # --- waiting, and its end --------------------------------------------------------------------

    def _wait(self, conn: Connection, then: Any) -> None:
        conn.until = time.monotonic() + GRACE
        self._waiting[conn] = None
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(then, conn))

    def _leave(self, conn: Connection) -> None:
        """Out of the loop's care."""
        del self._waiting[conn]
        if conn in self._queue:
            self._queue.remove(conn)
        else:
            self.poller.unregister(conn.sock)

    def murder_pending(self) -> None:
        """Called about once a second: give up those whose time is over."""
        now = time.monotonic()
        for conn in [each for each in self._waiting if min(each.until, each.limit) <= now]:
            queued = conn in self._queue
            self._leave(conn)
            if conn.lingered is None and not conn.gathering.is_empty:
                self._refuse(conn, 503 if queued else 408)
            else:
                self._end(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        """The worker stops: what has not arrived by then is waited for no longer."""
        super()._cap_keepalive(deadline)
        for conn in self._waiting:
            conn.limit = deadline

    def _make_room(self) -> None:
        """The last place is taken: the connection that has waited longest goes, first one that no one uses."""
        if self.keepalived_conns:
            oldest = self.keepalived_conns.popleft()
            self.poller.unregister(oldest.sock)
            self._end(oldest)
        elif self._waiting:
            self._drop(next(iter(self._waiting)))

    def _refuse(self, conn: Connection, status: int) -> None:
        head = f"HTTP/1.1 {status} {_REFUSALS[status]}\r\nConnection: close\r\nContent-Length: 0\r\n"
        more = "Retry-After: 5\r\n" if status == 503 else ""
        try:
            conn.sock.setblocking(False)
            conn.sock.send(f"{head}{more}\r\n".encode("ascii"))
        except OSError:
            self._end(conn)
            return
        self.nr_conns -= 1
        conn.close(graceful=True)

    def _drop(self, conn: Connection) -> None:
        self._leave(conn)
        self._end(conn)

    def _end(self, conn: Connection) -> None:
        self._kept -= len(conn.gathering.take())
        self.nr_conns -= 1
        util.close(conn.sock)

    # --- closing without waiting -----------------------------------------------------------------

    def linger(self, conn: Connection) -> bool:
        """Close in the loop, when the peer has read the answer: gunicorn waits for that, two seconds long, in the very
        loop that accepts connections. False where the connection is gone already."""
        self._kept -= len(conn.gathering.take())
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            conn.sock.setblocking(False)
        except OSError:
            return False
        conn.lingered = 0
        self.nr_conns += 1
        self._wait(conn, self._throw_away)
        conn.until = time.monotonic() + LINGER
        self._throw_away(conn, conn.sock)
        return True

    def _throw_away(self, conn: Connection, _file: Any) -> None:
        try:
            while conn.lingered is not None and conn.lingered < MAX_LINGERED:
                piece = conn.sock.recv(_READ)
                if not piece:
                    break
                conn.lingered += len(piece)
        except BlockingIOError:
            return
        except OSError:
            pass  # Gone, which is what is waited for.
        self._drop(conn)
