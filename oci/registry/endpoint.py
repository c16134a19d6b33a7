"""One registry's address, and single requests to it or where it points; faults in the words of its role."""

from __future__ import annotations

import copy
import email.utils
import threading
import time
from typing import Final

from oci.cancel import CancelToken
from oci.egress.door import split_url
from oci.egress.tunnel import GONE, proxy_error
from oci.errors import Note, OciError, gettext_noop
from oci.http.connection import ConnectionBroken, ProtocolError, Response
from oci.http.transport import Headers, HttpTransport, Sending
from oci.registry.error_body import read_warnings
from oci.registry.faults import RetryableError, Role, broke, confused, stalled, unreachable
from oci.urls import Url

USER_AGENT: Final = "registry-portal/0.1"
#: First contact gets fewer tries than a host that answered before: a typing error should not take a minute to
#: tell.
FIRST_CONTACT_TRIES: Final = 3
_NOTES: Final = 20


class Endpoint:
    """Thread-safe.

    :param base: scheme, host and port of the registry.
    """

    def __init__(
        self,
        base: Url,
        *,
        role: Role,
        transport: HttpTransport,
    ) -> None:
        self.base = base
        self.host = base.authority
        self.role = role
        self.transport = transport
        self._fixed = [("User-Agent", USER_AGENT), ("Accept-Encoding", "identity")]
        self._lock = threading.Lock()
        self._answered = False
        self.notes: list[Note] = []

    def under(self, cancel: CancelToken) -> Endpoint:
        """The same, for a part of the work that ``cancel`` can end alone."""
        twin = copy.copy(self)
        twin.transport = self.transport.under(cancel)
        return twin

    def exchange(self, method: str, url: Url, headers: Headers, body: bytes | None = None) -> Response:
        """One request, one answer, whatever its status.

        :raises RetryableError: the connection failed.
        :raises OciError: it cannot work.
        """
        try:
            response = self.transport.exchange(method, url, [*self._fixed, *headers], body)
        except (ConnectionBroken, ProtocolError, OciError) as error:
            raise self.translated(error, url) from error
        if url.origin == self.base.origin:
            self._answered = True
            for text in read_warnings(response):
                self.note(("%(text)s", {"text": text}))
        return response

    def begin(self, method: str, url: Url, headers: Headers, length: int) -> Sending:
        """As :meth:`exchange`, for a body that follows in pieces."""
        try:
            return self.transport.begin(method, url, [*self._fixed, *headers], length)
        except (ConnectionBroken, ProtocolError, OciError) as error:
            raise self.translated(error, url) from error

    def translated(self, error: Exception, url: Url) -> Exception:
        """What a failure of a connection to ``url`` means here: :class:`RetryableError` or the final error."""
        host = url.authority
        if isinstance(error, ConnectionBroken):
            if error.stalled:
                return stalled(host, self.transport.timeouts.stall_seconds)
            proxy = self.transport.proxy_for(url)
            if proxy is not None:  # Which of the two it was can't be told.
                return RetryableError(proxy_error(GONE, proxy, host, retryable=True, reason=error.cause))
            return broke(self.role, host, error.cause)
        if isinstance(error, ProtocolError):
            return confused(self.role, host, str(error))
        if isinstance(error, OciError):
            fault = unreachable(self.role, host, error)
            if not self._answered and hasattr(fault, "tries"):
                fault.tries = FIRST_CONTACT_TRIES
            return fault
        return error

    def check_hop(self, url: Url) -> None:
        """Whether a redirect, realm or Location of this registry may lead to ``url`` by its scheme; the door
        judges the rest.

        :raises OciError: ``blocked_address``.
        """
        if url.scheme == "https" or url.origin == self.base.origin:
            return
        if self.base.scheme == "https" or not self.transport.door.allows_plain_http(url.host, url.port):
            template = gettext_noop("%(host)s redirects to %(other)s over plain HTTP, which is not allowed.")
            raise OciError("blocked_address", template, host=self.host, other=url.authority)

    def read_url(self, text: str, seen_at: Url | None = None) -> Url:
        """A URL that this registry sent, strictly; relative ones from ``seen_at``.

        :raises OciError: ``blocked_address`` or, in the words of the role, a broken protocol.
        """
        try:
            return split_url(text, seen_at)
        except OciError as error:
            if error.code == "blocked_address":
                raise
            raise confused(self.role, self.host, "it sent an unusable URL") from None

    def note(self, note: Note) -> None:
        """Keep a sentence for people, each once."""
        with self._lock:
            if note not in self.notes and len(self.notes) < _NOTES:
                self.notes.append(note)

    @staticmethod
    def retry_after(response: Response) -> float | None:
        """Seconds of a Retry-After header, given as seconds or as a date; None when absent or unreadable."""
        value = (response.header("Retry-After") or "").strip()
        if value.isascii() and value.isdigit() and len(value) <= 9:
            return float(value)
        try:
            when = email.utils.parsedate_to_datetime(value)
            return max(0.0, when.timestamp() - time.time())
        except (ValueError, TypeError, OverflowError, IndexError):
            return None
