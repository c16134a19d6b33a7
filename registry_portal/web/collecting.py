"""One request as it arrives: when is it whole? Only its length is looked for here; gunicorn judges what it says."""

from __future__ import annotations

import re
import time
from typing import Final

from registry_portal.web.pacing import GRACE, Patience

#: Of a head, in bytes.
MAX_HEAD: Final = 64 * 1024
#: A longer body is not collected, bytes. The site's own limit (``DATA_UPLOAD_MAX_MEMORY_SIZE``) is as large.
MAX_BODY: Final = 2 * 1024 * 1024
_END: Final = b"\r\n\r\n"
#: The fields that say how long a body is, and whether the sender waits before it sends one.
_FRAMING: Final = re.compile(
    rb"\r\n(content-length|transfer-encoding|expect)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE
)
#: No line ends so; gunicorn refuses the request without reading on.
_BARE: Final = re.compile(rb"(?<!\r)\n")


class Gathering:
    """The bytes of the next request of a connection, and how many there will be."""

    def __init__(self, ahead: bytes = b"") -> None:
        self._held = bytearray()
        self._searched = 0
        #: Bytes of head and body together; None while the head is not whole.
        self._whole: int | None = None
        #: Its body is not collected.
        self.is_long = False
        #: For its body; and since when it has been waited for.
        self._patience = Patience()
        self._since = time.monotonic()
        #: When the sender has been too slow, monotonic seconds.
        self.until = self._since + GRACE
        if ahead:
            self.add(ahead)

    def add(self, piece: bytes) -> None:
        """More has arrived."""
        self._held += piece
        now = time.monotonic()
        if self._whole is None:
            self._look_for_the_end_of_the_head()
        else:
            self._patience.spend(now - self._since, len(piece))
        if self._whole is not None:
            self._since, self.until = now, now + self._patience.left

    @property
    def is_empty(self) -> bool:
        return not self._held

    @property
    def headless(self) -> bool:
        """The head is not whole yet."""
        return self._whole is None

    @property
    def too_large(self) -> bool:
        return self._whole is None and len(self._held) > MAX_HEAD

    @property
    def wants_more(self) -> bool:
        """Something is missing that has to be collected."""
        if self._whole is None:
            return len(self._held) <= MAX_HEAD
        return not self.is_long and len(self._held) < self._whole

    def take(self) -> bytes:
        """What has arrived, which is kept no longer."""
        held = bytes(self._held)
        self._held = bytearray()
        return held

    def _look_for_the_end_of_the_head(self) -> None:
        # An empty line before a request is nothing (RFC 9112 section 2.2).
        begin = 2 if self._held.startswith(b"\r\n") else 0
        end = self._held.find(_END, max(begin, self._searched - len(_END)))
        if end < 0 and not _BARE.search(self._held, max(0, self._searched - 1)):
            self._searched = len(self._held)
            return
        head = bytes(self._held[: end + 2 if end >= 0 else 0])
        fields = [(name.lower(), value.strip()) for name, value in _FRAMING.findall(head)]
        lengths = [value for name, value in fields if name == b"content-length"]
        self.is_long = any(name != b"content-length" for name, _value in fields)
        self._whole = end + len(_END) if end >= 0 else 0
        # Of two lengths, or one that is no number, gunicorn takes none.
        if len(lengths) == 1 and lengths[0].isdigit() and len(lengths[0]) < 20:
            self.is_long = self.is_long or int(lengths[0]) > MAX_BODY
            self._whole += int(lengths[0])
