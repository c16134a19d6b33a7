"""Reading blobs: from any offset, over redirects, and whether one is there at all. One try each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Protocol

from oci.cancel import CancelToken
from oci.errors import OciError, gettext_noop
from oci.http.connection import ConnectionBroken, ProtocolError, Response
from oci.registry.faults import RegistryError, digest_differs, size_differs
from oci.registry.session import Scopes, Session
from oci.spec.digest import digest_of, parse_digest
from oci.urls import Url

_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]{1,19})-([0-9]{1,19})/(?:([0-9]{1,19})|\*)", re.ASCII)
_SKIP_BYTES: Final = 256 * 1024


class NoRangesError(Exception):
    """The source does not send exactly the range that it was asked for; the text says what it did."""


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes ``start`` to ``end`` (which is not one of them) of a blob of ``size`` bytes."""

    start: int
    end: int
    size: int


class ByteStream(Protocol):
    """Bytes of a blob, from wherever. ``length``: bytes to come, None when unsaid; ``host`` for messages."""

    host: str
    length: int | None
    offset: int

    def readinto(self, view: memoryview) -> int: ...

    def close(self) -> None: ...


class MemoryStream:
    """A small blob that is in memory already: a configuration that was looked into, embedded content."""

    def __init__(self, content: bytes, offset: int, host: str) -> None:
        self.host = host
        self.length: int | None = len(content) - offset
        self.offset = offset
        self._rest = memoryview(content)[offset:]

    def readinto(self, view: memoryview) -> int:
        count = min(view.nbytes, self._rest.nbytes)
        view[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        self._rest = self._rest[:0]


class BlobStream:
    """The bytes of a blob from ``offset`` on."""

    def __init__(self, session: Session, response: Response, *, skip: int, offset: int) -> None:
        self._session = session
        self._response = response
        self._skip = skip
        self.host = response.url.authority
        #: What the server calls these bytes, empty where it does not; a weak name says nothing about bytes.
        self.etag = (response.header("ETag") or "").strip() if skip == 0 else ""
        #: Bytes still to come by the server's own word, None when it did not say.
        self.length: int | None = None if response.length is None else response.length - skip
        self.offset = offset

    def readinto(self, view: memoryview) -> int:
        """Fill ``view`` as far as the blob goes; 0 at its end.

        :raises RetryableError: the connection broke, stalled, or ended too early.
        """
        try:
            while self._skip:
                piece = memoryview(bytearray(min(self._skip, _SKIP_BYTES)))
                count = self._read(piece)
                if not count:
                    raise ConnectionBroken("the body ended too early")
                self._skip -= count
            return self._read(view)
        except (ConnectionBroken, ProtocolError) as error:
            raise self._session.endpoint.translated(error, self._response.url) from error

    def _read(self, view: memoryview) -> int:
        """At the pace that is allowed."""
        pace = self._session.pace
        granted = pace.take(view.nbytes)
        count = self._response.readinto(view[:granted])
        pace.give_back(granted - count)
        return count

    def close(self) -> None:
        self._response.close()


def open_blob(session: Session, repository: str, digest: str, offset: int, *, scopes: Scopes) -> BlobStream:
    """Begin to read a blob at ``offset``.

    A server that ignores the range, or sends another one than was asked for, is read from the start and the
    first bytes are dropped: only an exact answer is spliced.

    :raises RetryableError:
    :raises OciError: as :meth:`oci.registry.session.Session.accepted`.
    """
    url = session.url(f"/v2/{repository}/blobs/{digest}")
    try:
        return _open(session, url, digest, offset, scopes)
    except RegistryError as refusal:
        if refusal.status != 404 or session.endpoint.role != "source":
            raise
        template = gettext_noop("%(host)s doesn't have %(digest)s, which its own manifest lists.")
        raise OciError("source_error", template, host=session.endpoint.host, digest=digest) from None


def _open(session: Session, url: Url, digest: str, offset: int, scopes: Scopes) -> BlobStream:
    if offset:
        headers = [("Accept", "*/*"), ("Range", f"bytes={offset}-")]
        response = session.ask("GET", url, scopes=scopes, headers=headers)
        session.accepted(response, digest, 200, 206, 416)
        if response.status == 200:
            return BlobStream(session, response, skip=offset, offset=offset)
        if response.status == 206 and _starts_at(response, offset):
            return BlobStream(session, response, skip=0, offset=offset)
        response.close()
    response = session.ask("GET", url, scopes=scopes, headers=[("Accept", "*/*")])
    return BlobStream(session, session.accepted(response, digest, 200), skip=offset, offset=offset)


def open_range(
    session: Session, repository: str, digest: str, span: Span, cancel: CancelToken, *, scopes: Scopes
) -> BlobStream:
    """Begin to read exactly ``span``, and nothing else.

    :param cancel: ends this request alone.
    :raises NoRangesError: another answer came: the whole, another range, or of another total; it was not read.
    :raises RetryableError:
    :raises OciError: as :meth:`oci.registry.session.Session.accepted`.
    """
    session = session.under(cancel)
    headers = [("Accept", "*/*"), ("Range", f"bytes={span.start}-{span.end - 1}")]
    response = session.ask(
        "GET", session.url(f"/v2/{repository}/blobs/{digest}"), scopes=scopes, headers=headers
    )
    session.accepted(response, digest, 200, 206, 416)
    content_range = (response.header("Content-Range") or "").strip()
    exact = content_range == f"bytes {span.start}-{span.end - 1}/{span.size}"
    if response.status != 206 or not exact or response.length not in (None, span.end - span.start):
        response.close()
        raise NoRangesError(
            f"{response.url.authority} answered {response.status} {content_range or 'without a range'}"
        )
    return BlobStream(session, response, skip=0, offset=span.start)


def _starts_at(response: Response, offset: int) -> bool:
    match = _CONTENT_RANGE.fullmatch((response.header("Content-Range") or "").strip())
    return match is not None and int(match[1]) == offset


def read_blob(session: Session, repository: str, digest: str, size: int, *, scopes: Scopes) -> bytes:
    """A small blob whole, its size and digest checked.

    :raises RetryableError: also when they differ.
    """
    stream = open_blob(session, repository, digest, 0, scopes=scopes)
    check_length(stream, digest, size)
    buffer = bytearray(size + 1)
    view = memoryview(buffer)
    done = 0
    while done < len(buffer) and (count := stream.readinto(view[done:])):
        done += count
    if done != size:
        stream.close()
        raise size_differs(stream.host, digest, size, done)
    content = bytes(view[:size])
    found = digest_of(content, algorithm=parse_digest(digest)[0])
    if found != digest:
        raise digest_differs(stream.host, digest, found)
    return content


def head_blob(session: Session, repository: str, digest: str, *, scopes: Scopes) -> int | None:
    """The size of a blob, -1 where the registry does not say, None where it is not.

    Storage behind a redirect may sign its URLs for GET only; then one byte is asked for.
    """
    url = session.url(f"/v2/{repository}/blobs/{digest}")
    response = session.ask("HEAD", url, scopes=scopes)
    elsewhere = response.url.origin != session.endpoint.base.origin
    if response.status in (403, 405) and (elsewhere or response.status == 405):
        response.discard()
        return _probe(session, repository, digest, 0, scopes)
    if response.status == 200:
        return as_size(response.header("Content-Length"))
    if response.status == 404:
        return None
    raise session.refusal(response, digest)


def is_intact(session: Session, repository: str, digest: str, size: int, *, scopes: Scopes) -> bool:
    """Whether the last byte of a blob can really be read: a registry may remember what its storage lost."""
    if size == 0:
        return head_blob(session, repository, digest, scopes=scopes) is not None
    found = _probe(session, repository, digest, size - 1, scopes)
    return found is not None and found in (-1, size)


def _probe(session: Session, repository: str, digest: str, at: int, scopes: Scopes) -> int | None:
    """Ask for the byte ``at``; the blob's whole size (-1 unsaid), None where that byte cannot be had."""
    url = session.url(f"/v2/{repository}/blobs/{digest}")
    response = session.ask("GET", url, scopes=scopes, headers=[("Range", f"bytes={at}-{at}")])
    if response.status == 206:
        try:
            one = response.read(1)
        except (ConnectionBroken, ProtocolError, OverflowError):
            return None
        match = _CONTENT_RANGE.fullmatch((response.header("Content-Range") or "").strip())
        return None if len(one) != 1 else int(match[3]) if match and match[3] else -1
    if response.status == 200:
        size = as_size(response.header("Content-Length"))
        response.close()
        return size
    if response.status in (404, 416):
        response.discard()
        return None
    raise session.refusal(response, digest)


def as_size(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 19 else -1


def check_length(stream: ByteStream, digest: str, size: int) -> None:
    """Refuse a stream that announces another length than the manifest says.

    :raises RetryableError:
    """
    if stream.length is not None and stream.length != size - stream.offset:
        stream.close()
        raise size_differs(stream.host, digest, size, stream.length + stream.offset)
