"""One registry's address, and single requests to it or where it points; faults in the words of its role."""

from __future__ import annotations

import email.utils
import threading
import time
from typing import Final

from oci.egress.door import split_url
from oci.errors import Note, OciError, gettext_noop
from oci.http.connection import Broken, Malformed, Response
from oci.http.transport import Headers, Sending, Transport
from oci.registry.error_body import read_warnings
from oci.registry.faults import Role, broke, confused, stalled, unreachable
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
        transport: Transport,
        user_agent: str = USER_AGENT,
    ) -> None:
        self.base = base
        self.host = base.authority
        self.role = role
        self.transport = transport
        self._fixed = [("User-Agent", user_agent), ("Accept-Encoding", "identity")]
        self._lock = threading.Lock()
        self._answered = False
        self.notes: list[Note] = []

    def exchange(self, method: str, url: Url, headers: Headers, body: bytes | None = None) -> Response:
        """One request, one answer, whatever its status.

        :raises RetryableError: the connection failed. :raises OciError: it cannot work.
        """
        try:
            response = self.transport.exchange(method, url, [*self._fixed, *headers], body)
        except (Broken, Malformed, OciError) as error:
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
        except (Broken, Malformed, OciError) as error:
            raise self.translated(error, url) from error

    def translated(self, error: Exception, url: Url) -> Exception:
        """What a failure of a connection to ``url`` means here: :class:`RetryableError` or the final error."""
        host = url.authority
        if isinstance(error, Broken):
            return (
                stalled(host, self.transport.stall_seconds)
                if error.stalled
                else broke(self.role, host, error.cause)
            )
        if isinstance(error, Malformed):
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
            template = gettext_noop("%(host)s leads to %(other)s over plain HTTP, which is not allowed.")
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
            raise confused(self.role, self.host, "it sends an address that is no usable URL") from None

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
