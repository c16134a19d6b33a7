"""One scanner as its specification has it (goharbor/pluggable-scanner-spec 1.1 and 1.2): ask for a scan, then for its
report. A report is read as it comes.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from urllib.parse import quote

from django.conf import settings
from django.utils.translation import gettext_noop

from oci.cancel import CancelToken
from oci.egress.door import Door, EgressPolicy, split_url
from oci.errors import Canceled, OciError
from oci.http.connection import ConnectionBroken, ProtocolError, Response
from oci.http.transport import HttpTransport, Timeouts
from oci.limits import REPORT_BYTES
from oci.registry.endpoint import USER_AGENT
from oci.urls import Url
from projects.models import Scanner

T = TypeVar("T")

REQUEST_TYPE: Final = "application/vnd.scanner.adapter.scan.request+json; version=1.0"
REPORT_TYPE: Final = "application/vnd.security.vulnerability.report"
#: Seconds: until a scanner answers, and for a whole report.
ANSWER_SECONDS: Final = 30.0
WHOLE_SECONDS: Final = 120.0
#: When a scanner that does not say is asked again, and what it may say, seconds.
_AGAIN_SECONDS: Final = 10
_MIN_SECONDS: Final = 1
_MAX_SECONDS: Final = 300
_ANSWER_BYTES: Final = 64 * 1024
_CHUNK_BYTES: Final = 256 * 1024
_TICKET_CHARS: Final = 255
#: Answers that may be others a moment later.
_PASSING: Final = frozenset({408, 425, 429})

_STATUS: Final = gettext_noop("The scanner answered with status %(status)d.")
_NO_TICKET: Final = gettext_noop("The scanner's response can't be read: it has no scan ID.")
_TYPE: Final = gettext_noop("The scanner's response is not a vulnerability report, but %(type)s.")
_LARGE: Final = gettext_noop("The scanner's report has more than %(limit)d bytes.")
_LOST: Final = gettext_noop("The connection to the scanner was lost: %(cause)s.")
_SLOW: Final = gettext_noop("The scanner did not answer within %(seconds)d seconds.")


@dataclass(frozen=True, slots=True)
class NotReady:
    """The scan goes on; ``seconds`` until it is asked for again."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Adapter:
    """A scanner's address, and what it wants to see with each request."""

    base: Url
    sign_in: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, scanner: Scanner) -> Adapter:
        """The adapter of a scanner that is set up.

        :raises OciError: its address or secret can't be read.
        """
        return cls(split_url(scanner.url), _sign_in(scanner))

    def submit(self, asked: Mapping[str, Any]) -> str:
        """Ask for a scan; what the scanner calls it.

        :raises OciError: ``retryable`` where the next try may succeed.
        """
        body = json.dumps(asked).encode()
        with self._answer("POST", "scan", body, accept="*/*") as response:
            if response.status != 202:
                raise _refused(response.status)
            try:
                ticket = json.loads(response.read(_ANSWER_BYTES))["id"]
            except (OverflowError, ValueError, RecursionError, KeyError, TypeError):
                raise OciError("protocol_error", _NO_TICKET) from None
        if not isinstance(ticket, str) or not _is_ticket(ticket):
            raise OciError("protocol_error", _NO_TICKET)
        return ticket

    def report(self, ticket: str, read: Callable[[Iterator[bytes]], T]) -> T | NotReady:
        """What ``read`` makes of a scan's report, if it is there.

        :raises OciError: ``retryable`` where the next try may succeed.
        """
        accept = f"{REPORT_TYPE}; version=1.1"
        with self._answer("GET", f"scan/{quote(ticket, safe='')}/report", None, accept=accept) as response:
            if response.status == 302:
                return NotReady(_again(response.header("Refresh-After")))
            if response.status != 200:
                raise _refused(response.status)
            content_type = response.header("Content-Type") or ""
            if content_type.partition(";")[0].strip().lower() != REPORT_TYPE:
                raise OciError("protocol_error", _TYPE, type=content_type[:100] or "–")
            return read(_chunks(response))

    @contextmanager
    def _answer(self, method: str, path: str, body: bytes | None, *, accept: str) -> Iterator[Response]:
        """One exchange; no redirect is followed, so the secret goes nowhere else."""
        headers = [
            ("User-Agent", USER_AGENT),
            ("Accept", accept),
            ("Accept-Encoding", "identity"),
            ("Connection", "close"),
            *self.sign_in,
            *([("Content-Type", REQUEST_TYPE)] if body is not None else []),
        ]
        url = split_url(f"{self.base.whole.rstrip('/')}/api/v1/{path}")
        cancel = CancelToken()
        transport = HttpTransport(
            door=Door(_policy(url)),
            cancel=cancel,
            timeouts=Timeouts(headers_seconds=ANSWER_SECONDS, stall_seconds=ANSWER_SECONDS),
        )
        try:
            with closing(transport), cancel.after(WHOLE_SECONDS):
                response = transport.exchange(method, url, headers, body)
                with closing(response):
                    yield response
        except Canceled:
            raise OciError("timeout", _SLOW, retryable=True, seconds=int(WHOLE_SECONDS)) from None
        except (ConnectionBroken, ProtocolError) as broken:
            raise OciError("unreachable", _LOST, retryable=True, cause=str(broken)[:200]) from None


def check_url(text: str) -> Url:
    """A scanner's address as it will be contacted.

    :raises OciError: it is none, or forbidden.
    """
    url = split_url(text)
    Door(_policy(url)).check_literal(url.host, url.port, url.scheme)
    return url


def _is_ticket(text: str) -> bool:
    """What a database keeps and an address holds; the specification has a UUID as its example."""
    return 0 < len(text) <= _TICKET_CHARS and text.isascii() and text.isprintable()


def _policy(url: Url) -> EgressPolicy:
    """Operators name scanners, so they may be at private addresses and speak plain HTTP; never our own services."""
    return EgressPolicy(
        private_sources=(url.authority,),
        insecure_sources=(url.authority,),
        own_endpoints=tuple(settings.OWN_ENDPOINTS),
        ca_file=settings.IMPORT_CA_FILE or None,
    )


def _sign_in(scanner: Scanner) -> tuple[tuple[str, str], ...]:
    secret = scanner.auth_value.reveal() if scanner.auth_kind != Scanner.Auth.NONE else ""
    if scanner.auth_kind == Scanner.Auth.BASIC:
        return (("Authorization", "Basic " + base64.b64encode(secret.encode()).decode()),)
    if scanner.auth_kind == Scanner.Auth.BEARER:
        return (("Authorization", f"Bearer {secret}"),)
    if scanner.auth_kind == Scanner.Auth.API_KEY:
        return (("X-ScannerAdapter-API-Key", secret),)
    return ()


def _chunks(response: Response) -> Iterator[bytes]:
    view, total = memoryview(bytearray(_CHUNK_BYTES)), 0
    while count := response.readinto(view):
        total += count
        if total > REPORT_BYTES:
            raise OciError("limit_exceeded", _LARGE, limit=REPORT_BYTES)
        yield bytes(view[:count])


def _again(refresh_after: str | None) -> int:
    text = (refresh_after or "").strip()
    seconds = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else _AGAIN_SECONDS
    return min(max(seconds, _MIN_SECONDS), _MAX_SECONDS)


def _refused(status: int) -> OciError:
    code = "unauthorized" if status in (401, 403) else "protocol_error"
    return OciError(code, _STATUS, retryable=status >= 500 or status in _PASSING, status=status)
