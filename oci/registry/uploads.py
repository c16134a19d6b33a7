"""Upload sessions at a registry: begun, fed, asked how far they are, committed or deleted. One try each.

Each request carries all bytes that are left, so a minimum size of chunks (``OCI-Chunk-Min-Length``) never binds; only
where bytes are gathered first (:mod:`oci.registry.chunked_upload`) it is minded.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import quote

from oci.errors import Canceled, OciError
from oci.expiring import ExpiringSet
from oci.http.connection import ConnectionBroken, ProtocolError, Response
from oci.http.transport import Sending
from oci.registry.blobs import as_size
from oci.registry.faults import RetryableError, confused
from oci.registry.session import Scopes, Session
from oci.spec.digest import parse_digest
from oci.urls import Url

_RANGE: Final = re.compile(r"(?:bytes[= ])?0-([0-9]{1,19})", re.ASCII)
#: An answer that came before the body was sent is there already when sending fails.
_EARLY_ANSWER_SECONDS: Final = 2.0
#: CNCF Distribution, or what has it inside, as anyone in this process found lately: mounts from where it is told to,
#: and from nowhere else.
DISTRIBUTIONS: Final = ExpiringSet[tuple[str, str, int]](600.0)
_OCTETS: Final = ("Content-Type", "application/octet-stream")


class Answers(Protocol):
    """A request on its way that may be answered before its end."""

    @property
    def url(self) -> Url: ...

    def finish(self, *, seconds: float | None = None) -> Response: ...


@dataclass(frozen=True, slots=True)
class KeptUpload:
    """What it takes to go on with a session later, in another process."""

    location: str
    is_distribution: bool = False
    least: int = 0


class Upload:
    """One session. ``location`` is always the latest that the registry named; ``offset`` what it holds."""

    def __init__(self, session: Session, scopes: Scopes, location: Url, *, what: str) -> None:
        self.session = session
        self.scopes = scopes
        self.location = location
        self.offset = 0
        self._what = what
        self._redirected: Url | None = None
        #: CNCF Distribution: what broke off in the middle can't be deleted there (:mod:`.chunked_upload`).
        self.is_distribution = False
        #: The least bytes of a request that is not the last (``OCI-Chunk-Min-Length``).
        self.least = 0
        #: Other bytes than the blob's were sent to it.
        self.spoiled = False
        #: Set when the last answer was a redirect that is still to be followed.
        self.follows = False

    def begin_put(self, digest: str, length: int) -> Sending:
        """The whole blob, or its rest, in one PUT that commits."""
        url = self._redirected or self._commit_url(digest)
        return self.session.begin("PUT", url, scopes=self.scopes, headers=[_OCTETS], length=length)

    def begin_patch(self, length: int) -> Sending:
        """The next ``length`` bytes, without a commit."""
        headers = [_OCTETS, self._content_range(length)]
        url = self._redirected or self.location
        return self.session.begin("PATCH", url, scopes=self.scopes, headers=headers, length=length)

    def finish_put(self, sending: Sending) -> None:
        """Wait for the answer that the blob is committed."""
        self._judge(self._answer(sending), (200, 201, 202, 204)).discard()

    def finish_patch(self, sending: Sending, length: int) -> None:
        """Wait for the answer that the bytes are held."""
        self._held_after(self._answer(sending), length)

    def _content_range(self, length: int) -> tuple[str, str]:
        return "Content-Range", f"{self.offset}-{self.offset + length - 1}"

    def _held_after(self, response: Response, length: int) -> None:
        """After ``length`` more bytes were sent."""
        self._judge(response, (200, 201, 202, 204))
        self._moved(response)
        held = _held(response)
        response.discard()
        self.offset += length
        if held is not None and held != self.offset:
            raise RetryableError(
                confused(
                    self.session.endpoint.role,
                    self.session.endpoint.host,
                    "it reports a different number of uploaded bytes",
                )
            )

    def commit(self, digest: str, rest: bytes = b"") -> None:
        """Close a session that holds all bytes but ``rest``, which goes along."""
        url = self._commit_url(digest)
        headers = [_OCTETS, self._content_range(len(rest))] if rest and self.offset else [_OCTETS]
        response = self.session.ask("PUT", url, scopes=self.scopes, headers=headers, body=rest)
        self._judge(response, (200, 201, 202, 204)).discard()

    def patch(self, piece: bytes) -> None:
        """The next bytes, in one request that is over before anyone waits for more."""
        headers = [_OCTETS, self._content_range(len(piece))]
        response = self.session.ask("PATCH", self.location, scopes=self.scopes, headers=headers, body=piece)
        self._held_after(response, len(piece))

    def broken(self, sending: Answers, error: ConnectionBroken | ProtocolError) -> Exception:
        """Why sending failed: by the answer that came early, else by the connection."""
        try:
            response = sending.finish(seconds=_EARLY_ANSWER_SECONDS)
        except (ConnectionBroken, ProtocolError):
            return self.session.endpoint.translated(error, sending.url)
        if response.status < 300:
            response.close()
            return self.session.endpoint.translated(error, sending.url)
        try:
            self._judge(response, ())
        except (RetryableError, OciError) as refusal:
            return refusal
        return self.session.endpoint.translated(error, sending.url)

    def fill_up(self, sending: Sending, missing: int, seconds: float) -> None:
        """End a PATCH in good order whose rest will not come, so that the session can be deleted."""
        self.spoiled = True
        response = sending.fill(missing, seconds)
        if response is None:
            return
        try:
            if response.status < 300:
                self._moved(response)
        except OciError:
            response.close()
        response.discard()

    @property
    def digest(self) -> str:
        """The digest of the blob that it is for."""
        return self._what

    def keep(self) -> KeptUpload:
        """For :func:`reopen_upload`."""
        return KeptUpload(self.location.whole, self.is_distribution, self.least)

    def ask_offset(self) -> int | None:
        """What the session holds, None when it is lost or nothing worth keeping."""
        try:
            response = self.session.ask("GET", self.location, scopes=self.scopes)
        except (RetryableError, OciError):
            return None
        held = _held(response) if response.status in (200, 202, 204) else None
        if held is not None:
            self._moved(response)
        response.discard()
        # "0-0" may mean one byte or none.
        return held if held is not None and held > 1 else None

    def delete(self) -> bool:
        """Drop the session; whether the registry knows of it no more."""
        try:
            response = self.session.ask("DELETE", self.location, scopes=self.scopes)
        except (RetryableError, OciError, Canceled):
            return False
        response.discard()
        return response.status < 500

    def _commit_url(self, digest: str) -> Url:
        return self.location.with_query(f"digest={quote(digest, safe=':')}")

    def _answer(self, sending: Sending) -> Response:
        try:
            return sending.finish()
        except (ConnectionBroken, ProtocolError) as error:
            raise self.session.endpoint.translated(error, sending.url) from error

    def _judge(self, response: Response, accept: tuple[int, ...]) -> Response:
        if response.status in accept:
            return response
        location = response.header("Location")
        if response.status in (307, 308) and location:
            response.discard()
            if self._redirected is not None:
                raise confused(
                    self.session.endpoint.role, self.session.endpoint.host, "redirect loop during an upload"
                )
            self._redirected = self.session.follow(response.url, location)
            self.follows = True
            error = confused(
                self.session.endpoint.role, self.session.endpoint.host, "redirect loop during an upload"
            )
            raise RetryableError(error, at_once=True)
        own = response.url.origin == self.session.endpoint.base.origin
        if response.status == 401 and own and self.session.renew(response, self.scopes):
            raise RetryableError(_as_error(self.session.refusal(response, self._what)), at_once=True, tries=3)
        fault = self.session.refusal(response, self._what)
        if response.status in (404, 416) and isinstance(fault, OciError):
            # A lost session: begun again within the budget.
            raise RetryableError(fault)
        raise fault

    def _moved(self, response: Response) -> None:
        location = response.header("Location")
        if location:
            self.location = self.session.follow(response.url, location)
            self._redirected = None


def _as_error(fault: Exception) -> OciError:
    if isinstance(fault, RetryableError):
        return fault.error
    if isinstance(fault, OciError):
        return fault
    raise fault


def _held(response: Response) -> int | None:
    match = _RANGE.fullmatch((response.header("Range") or "").strip())
    return int(match[1]) + 1 if match else None


def start_upload(session: Session, repository: str, digest: str, *, scopes: Scopes) -> Upload:
    """Begin a session.

    :raises RetryableError: another try may help.
    :raises OciError: the registry refuses.
    """
    algorithm = parse_digest(digest)[0]
    query = f"?digest-algorithm={algorithm}" if algorithm != "sha256" else ""
    return _started(session, _post(session, repository, query, digest, scopes), digest, scopes)


def mount_blob(
    session: Session, repository: str, digest: str, from_repository: str, *, scopes: Scopes
) -> Upload | None:
    """Have a blob of another repository made visible; None once it is, else the session that was begun instead.

    :raises RetryableError: another try may help.
    :raises OciError: the registry refuses.
    """
    query = f"?mount={quote(digest, safe=':')}&from={quote(from_repository, safe='/')}"
    response = _post(session, repository, query, digest, scopes)
    if response.status == 201:
        response.discard()
        return None
    return _started(session, response, digest, scopes)


def _post(session: Session, repository: str, query: str, digest: str, scopes: Scopes) -> Response:
    url = session.url(f"/v2/{repository}/blobs/uploads/{query}")
    return session.accepted(session.ask("POST", url, scopes=scopes, body=b""), digest, 201, 202)


def _started(session: Session, response: Response, digest: str, scopes: Scopes) -> Upload:
    location = response.header("Location")
    if not location:
        response.discard()
        raise confused(session.endpoint.role, session.endpoint.host, "an upload has no Location")
    target = session.follow(response.url, location)
    least = as_size(response.header("OCI-Chunk-Min-Length"))
    distribution = response.header("Docker-Upload-UUID") is not None and "_state=" in target.query
    response.discard()
    if distribution:
        DISTRIBUTIONS.add(session.endpoint.base.origin)
    upload = Upload(session, scopes, target, what=digest)
    upload.is_distribution, upload.least = distribution, least
    return upload


def reopen_upload(
    session: Session, repository: str, digest: str, kept: KeptUpload, *, scopes: Scopes
) -> Upload | None:
    """A session that an earlier attempt left, with what it holds; None where the registry has lost it."""
    location = session.endpoint.read_url(kept.location)
    if location.origin != session.endpoint.base.origin:
        return None
    upload = Upload(session, scopes, location, what=digest)
    upload.is_distribution, upload.least = kept.is_distribution, kept.least
    held = upload.ask_offset()
    if held is None:
        return None
    upload.offset = held
    return upload


class OpenUploads:
    """Sessions that were begun and not yet ended, so that a cancel can delete them. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[int, Upload] = {}

    def add(self, upload: Upload) -> None:
        with self._lock:
            self._open[id(upload)] = upload

    def discard(self, upload: Upload) -> None:
        with self._lock:
            self._open.pop(id(upload), None)

    def take_all(self) -> list[Upload]:
        with self._lock:
            uploads = list(self._open.values())
            self._open.clear()
        return uploads
