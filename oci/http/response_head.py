"""The head of an answer: status line and headers, by RFC 9112.

``http.client`` reads heads with the e-mail parser, which took an eighth of the time of an import of small layers
(``python -m bench``), takes a line that is no header for the end of them, and believes the first of two lengths. Its
reading of bodies is kept.
"""

from __future__ import annotations

import http.client
import re
from typing import Final

#: More headers than this no registry has a reason to send.
MAX_HEADERS: Final = 100
_LINE_BYTES: Final = 65536
_STATUS_LINE: Final = re.compile(r"HTTP/1\.([01]) ([1-5][0-9]{2})(?: .*)?")
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_DIGITS: Final = re.compile(r"[0-9]{1,19}", re.ASCII)
_NO_BODY: Final = frozenset({204, 304})


class BadHead(http.client.HTTPException):
    """Not the head of an HTTP/1.1 answer."""


class Headers:
    """Values by name, whatever its case, in the order in which they came."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: dict[str, list[str]] = {}

    def add(self, name: str, value: str) -> None:
        self._values.setdefault(name.lower(), []).append(value)

    def extend_last(self, name: str, more: str) -> None:
        """A value that goes on in the next line (RFC 9112, section 5.2: read as one space)."""
        values = self._values[name.lower()]
        values[-1] = f"{values[-1]} {more}".strip()

    def get(self, name: str, default: str | None = None) -> str | None:
        """The first value."""
        values = self._values.get(name.lower())
        return values[0] if values else default

    def get_all(self, name: str, default: list[str] | None = None) -> list[str] | None:
        return self._values.get(name.lower(), default)


class ResponseHead(http.client.HTTPResponse):
    """An answer whose head is read here."""

    headers: Headers  # type: ignore[assignment]

    def begin(self) -> None:
        """Read the head.

        :raises http.client.HTTPException: it is not one, or leaves in doubt where the body ends.
        """
        version, status = self._status()
        while 100 <= status < 200:
            _read_fields(self)
            version, status = self._status()
        self.code = self.status = status
        self.version = 10 + version
        self.headers = self.msg = _read_fields(self)  # type: ignore[assignment]
        codings = ",".join(self.headers.get_all("transfer-encoding") or ()).lower()
        if codings and codings.strip() != "chunked":
            raise BadHead("an unknown transfer coding")
        self.chunked = bool(codings)
        self.chunk_left = None
        length = self._length()
        bodiless = status in _NO_BODY or self._method == "HEAD"  # type: ignore[attr-defined]
        self.length = 0 if bodiless else None if self.chunked else length
        # Both a coding and a length: the connection may be out of step with a proxy in between (section 6.1).
        in_doubt = bool(codings) and length is not None
        self.will_close = self._closes() or in_doubt or (not self.chunked and self.length is None)

    def flush(self) -> None:
        """Nothing is written to an answer. The standard library would flush the socket's file, which may be closed
        before the answer is; Python 3.13 tells standard error of each."""

    def _status(self) -> tuple[int, int]:
        line = self.fp.readline(_LINE_BYTES + 1)
        if not line:
            raise http.client.RemoteDisconnected("closed without an answer")
        found = _STATUS_LINE.fullmatch(line.decode("latin-1").rstrip("\r\n"))
        if found is None:
            raise http.client.BadStatusLine(repr(line[:80]))
        return int(found[1]), int(found[2])

    def _length(self) -> int | None:
        values = self.headers.get_all("content-length")
        if not values:
            return None
        # Several that agree may stand for one (RFC 9110, section 8.6).
        lengths = {each.strip() for value in values for each in value.split(",")}
        (length, *others) = lengths
        if others or not _DIGITS.fullmatch(length):
            raise BadHead("no usable Content-Length")
        return int(length)

    def _closes(self) -> bool:
        options = ",".join(self.headers.get_all("connection") or ()).lower()
        wanted = {option.strip() for option in options.split(",")}
        return "close" in wanted or (self.version == 10 and "keep-alive" not in wanted)


def _read_fields(answer: http.client.HTTPResponse) -> Headers:
    headers, last = Headers(), ""
    for _ in range(MAX_HEADERS + 1):
        line = answer.fp.readline(_LINE_BYTES + 1)
        if line in (b"\r\n", b"\n"):
            return headers
        if not line.endswith(b"\n"):
            raise BadHead("a header line without end")
        text = line.decode("latin-1").rstrip("\r\n")
        if text[:1] in (" ", "\t") and last:
            headers.extend_last(last, text.strip(" \t"))
            continue
        last, colon, value = text.partition(":")
        if not (colon and _NAME.fullmatch(last)):
            raise BadHead("a line that is no header")
        headers.add(last, value.strip(" \t"))
    raise BadHead("too many headers")
