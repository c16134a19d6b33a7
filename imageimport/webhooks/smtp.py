"""Django's way to a mail server, with an end to each mail: the server may be slow at any point of it."""

from __future__ import annotations

import smtplib
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend

#: How long one mail may take once the server has taken the connection; ``EMAIL_TIMEOUT`` is for one answer. Less than a
#: delivery is claimed for. Seconds.
WHOLE_SECONDS: Final = 30.0


class Line:
    """The TCP connection to the mail server, for another thread to cut. Thread-safe.

    It is a duplicate of the socket: Python gives the socket itself away in TLS, whose own ``shutdown`` would let what
    is sent next go in clear.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._is_cut = False

    def hold(self, connected: socket.socket) -> None:
        """From now on it is this connection."""
        with self._lock:
            self._socket = connected.dup()
            self._shut()

    def cut(self) -> None:
        """Whatever waits for the server fails at once, and so does whatever is sent or connected after it."""
        with self._lock:
            self._is_cut = True
            self._shut()

    def give_back(self) -> None:
        """The connection is the caller's alone again."""
        with self._lock:
            if self._socket is not None:
                self._socket.close()
                self._socket = None

    def _shut(self) -> None:
        if self._is_cut and self._socket is not None:
            with suppress(OSError):  # the server was first
                self._socket.shutdown(socket.SHUT_RDWR)


#: Addresses that a server refused, and what it said.
Refused = dict[str, tuple[int, bytes]]


class _Client(smtplib.SMTP):
    line: Line
    refused: Refused

    def sendmail(self, *args: Any, **options: Any) -> Refused:
        """What it returns is kept, since Django leaves it: whom a server refused that took the mail for others."""
        found = super().sendmail(*args, **options)
        self.refused.update(found)
        return found

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        connected: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]  # not in typeshed
        self.line.hold(connected)
        return connected


class _TlsClient(smtplib.SMTP_SSL, _Client):
    """Python makes the TLS of what :class:`_Client` has connected."""


class Backend(EmailBackend):
    """As Django's; what takes longer than :data:`WHOLE_SECONDS` fails (OSError)."""

    _line: Line
    #: By a server that took the last messages for others.
    refused: Refused

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        found = {"line": self._line, "refused": self.refused}
        return type("Client", (_TlsClient if self.use_ssl else _Client,), found)

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        self._line, self.refused = Line(), {}
        timer = threading.Timer(WHOLE_SECONDS, self._line.cut)
        timer.daemon = True
        timer.start()
        try:
            return super().send_messages(email_messages)
        finally:
            timer.cancel()
            self._line.give_back()
