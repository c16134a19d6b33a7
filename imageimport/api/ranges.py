"""Parts of a file as HTTP asks for them: ``Range`` and ``If-Range`` (RFC 9110, sections 13.1.5 and 14)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from django.http import HttpRequest

_ONE: Final = re.compile(r"bytes=[ \t]*([0-9]{0,19})-([0-9]{0,19})[ \t]*", re.ASCII)


class NotSatisfiable(Exception):
    """The range begins behind the end of the file."""


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes ``start`` to ``end`` (which is not one of them) of ``size``; ``is_whole``: no range was asked for."""

    start: int
    end: int
    size: int
    is_whole: bool

    @property
    def content_range(self) -> str:
        return f"bytes {self.start}-{self.end - 1}/{self.size}"


def asked_part(request: HttpRequest, *, size: int, etag: str) -> Part:
    """The part that a request is for. What is no single range of bytes, or is of another file by ``If-Range``, is
    answered with the whole.

    :param size: of the file, which is not empty.
    :param etag: of the file, a strong one.
    :raises NotSatisfiable:
    """
    whole = Part(0, size, size, is_whole=True)
    match = _ONE.fullmatch(request.headers.get("Range", ""))
    if match is None or request.method != "GET":
        return whole
    if request.headers.get("If-Range", etag).strip() != etag:
        return whole
    first, last = match.groups()
    if not first:
        return _last(int(last), size) if last else whole
    start, end = int(first), min(int(last), size - 1) + 1 if last else size
    if last and int(last) < start:
        return whole
    if start >= size:
        raise NotSatisfiable
    return Part(start, end, size, is_whole=False)


def _last(count: int, size: int) -> Part:
    if not count:
        raise NotSatisfiable
    return Part(max(0, size - count), size, size, is_whole=False)
