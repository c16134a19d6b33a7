"""A mail server of the test's own: speaks SMTP (RFC 5321) as far as one who sends needs it, and keeps what came."""

from __future__ import annotations

import socketserver
import ssl
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Self


@dataclass
class Received:
    """One mail, and to whom it was handed."""

    sender: str
    recipients: list[str]
    message: EmailMessage

    @property
    def text(self) -> str:
        return str(self.message.get_content())


class _Dialogue(socketserver.StreamRequestHandler):
    server: _Server

    def setup(self) -> None:
        if self.server.owner.tls is not None:
            self.request = self.server.owner.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def finish(self) -> None:
        with closing(self.request), suppress(OSError):
            super().finish()

    def handle(self) -> None:
        self._say("220 mail.test ESMTP", "greeting")
        sender, recipients = "", list[str]()
        for line in iter(self.rfile.readline, b""):
            verb, _, rest = line.decode().strip().partition(" ")
            match verb.upper():
                case "EHLO" | "HELO":
                    self._say("250-mail.test\r\n250 AUTH PLAIN")
                case "AUTH":
                    self._say("235 signed in", "AUTH")
                case "MAIL":
                    sender = rest.partition("<")[2].partition(">")[0]
                    self._say("250 OK")
                case "RCPT":
                    address = rest.partition("<")[2].partition(">")[0]
                    refusal = self.server.owner.refuses or self.server.owner.unknown.get(address, "")
                    if not refusal:
                        recipients.append(address)
                    self._say(refusal or "250 OK")
                case "DATA":
                    self._say("354 go on")
                    message = message_from_bytes(self._data(), policy=policy.default)
                    self.server.owner.received.append(Received(sender, recipients, message))
                    sender, recipients = "", []
                    self._say("250 taken")
                case "QUIT":
                    self._say("221 bye")
                    return
                case _:
                    self._say("250 OK")

    def _data(self) -> bytes:
        lines = iter(self.rfile.readline, b".\r\n")
        return b"".join(line[1:] if line.startswith(b".") else line for line in lines)

    def _say(self, text: str, name: str = "") -> None:
        """:param name: of the answer, as :attr:`MailServer.drips` has it."""
        time.sleep(self.server.owner.pause)
        if name and self.server.owner.drips == name:
            self._drip(f"{text[:3]}-wait\r\n".encode())
        self.wfile.write(text.encode() + b"\r\n")

    def _drip(self, line: bytes) -> None:
        with suppress(OSError):  # the other side has cut it
            for _ in range(300):
                self.wfile.write(line)
                time.sleep(0.1)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    owner: MailServer


@dataclass
class MailServer:
    """``refuses``: what each recipient is answered with instead of being taken; ``unknown``: the same for some of
    them; ``pause``: seconds before each answer; ``drips``: the answer that goes on for half a minute, ``greeting`` or
    that to ``AUTH``; ``tls``: spoken from the first byte on.
    """

    received: list[Received] = field(default_factory=list)
    refuses: str = ""
    unknown: dict[str, str] = field(default_factory=dict)
    pause: float = 0.0
    drips: str = ""
    tls: ssl.SSLContext | None = None

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _Dialogue)
        self._server.owner = self
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def use(self, settings: Any) -> None:
        """Let the portal send by it."""
        settings.MAIL_ENABLED = True
        settings.EMAIL_BACKEND = "imageimport.webhooks.smtp.Backend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = self._server.server_address[:2]
        settings.DEFAULT_FROM_EMAIL = "Portal <portal@example.test>"
