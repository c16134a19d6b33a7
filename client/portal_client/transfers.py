"""Long files from a portal and to it: continued where they broke off, through restarts of the portal."""

from __future__ import annotations

import base64
import errno
import hashlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import httpx

from portal_client import layouts
from portal_client.api import LONG_PATIENCE, Api
from portal_client.errors import PortalError, Unreachable
from portal_client.words import _

PART: Final = ".part"
#: Bytes of the first pieces of an upload, each with its checksum: what every proxy in front of the portal lets through
#: (``deploy/nginx.conf``), and what its web server collects before a thread gets it.
PIECE: Final = 2 * 1024 * 1024
#: Each piece costs the portal the same, however long it is: a quick line gets longer ones, up to this many bytes, as
#: long as one of them takes less than this many seconds of a thread. They go without a checksum, so that what has come
#: of one counts where it breaks off; the import compares every byte with its digest.
MAX_PIECE: Final = 32 * PIECE
_PIECE_SECONDS: Final = 0.5
#: Read from a file at once.
_READ: Final = 256 * 1024
_PAUSE: Final = 2.0
_SOON: Final = 0.2
#: Nothing was done; ask again later.
_LATER: Final = frozenset({423, 429, 502, 503, 504})
_TUS: Final = {"Tus-Resumable": "1.0.0"}

OnProgress = Callable[[int], None]


def download(api: Api, path: str, target: Path, size: int, on_progress: OnProgress) -> None:
    """Fetch a file of a bundle, ``size`` bytes. It gets its name once it is whole and every blob in it is what its name
    says; before, and after a failure, ``.part`` holds what has come, and the next call continues there.

    :param path: below ``/api/v1``.
    :param on_progress: called with the number of bytes that are there, again and again.
    :raises PortalError: the portal refuses, or stays away, or what it sends is damaged.
    :raises OSError: the file can't be written.
    """
    part = target.with_name(target.name + PART)
    with part.open("ab+") as file:
        _hold(file)
        if file.seek(0, os.SEEK_END) > size:
            file.truncate(0)
        _fill(api, path, file, size, on_progress)
        # What came before a break was not proved at its end: it is fetched again, once.
        if not _is_whole(file, size):
            _fill(api, path, file, size, on_progress)
            if not _is_whole(file, size):
                raise PortalError(_("What the portal sends is damaged. Try again later."))
        os.fsync(file.fileno())
    part.replace(target)


def _fill(api: Api, path: str, file: BinaryIO, size: int, on_progress: OnProgress) -> None:
    """Fetch what a file lacks. Errors as of :func:`download`."""
    patience = _Patience()
    while file.seek(0, os.SEEK_END) < size:
        before = file.tell()
        try:
            _append(api, path, file, on_progress)
        except (httpx.TransportError, _LaterError) as exc:
            patience.failed(api, exc, moved=file.tell() > before)
    file.flush()
    if file.tell() != size:
        raise PortalError(
            _("The portal sent %(came)d bytes of %(size)d. Delete the .part file and try again.")
            % {"came": file.tell(), "size": size}
        )


def _is_whole(file: BinaryIO, size: int) -> bool:
    """Whether all of a file is right; else it is cut to where it is."""
    right = layouts.right_until(file)
    if right < size:
        file.truncate(right)
    return right == size


def _hold(file: BinaryIO) -> None:
    """Let no other run write into the file, where the system can tell.

    :raises PortalError: another one does.
    """
    if sys.platform == "win32":
        return
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise PortalError(_("Another command is downloading this file.")) from None


def upload(api: Api, project_id: str, source: Path, on_progress: OnProgress) -> str:
    """Send a file by tus 1.0.0; the upload's id.

    :raises PortalError: the portal refuses, or stays away.
    :raises OSError: the file can't be read.
    """
    where = f"/projects/{project_id}/uploads"
    size = source.stat().st_size
    name = base64.b64encode(source.name.encode()).decode()
    headers = {**_TUS, "Upload-Length": str(size), "Upload-Metadata": f"filename {name}"}
    patience, pieces = _Patience(), Pieces()
    made, offset = "", 0
    with source.open("rb") as file:
        while True:
            before = offset
            try:
                if not made:
                    location = _checked(api, api.send("POST", where, headers=headers)).headers["Location"]
                    made = location.rpartition("/")[2]
                else:
                    head = _checked(api, api.send("HEAD", f"{where}/{made}", headers=_TUS))
                    offset = int(head.headers["Upload-Offset"])
                while offset < size:
                    offset = _send_piece(api, f"{where}/{made}", file, offset, size, pieces)
                    on_progress(offset)
                return made
            except _TooLongError:
                pieces.failed()
            except (httpx.TransportError, _LaterError) as exc:
                pieces.failed()
                patience.failed(api, exc, moved=offset > before)


class Pieces:
    """How long the pieces of an upload are. A long one that fails, or that a proxy refuses, is followed by none of its
    length: what is sent twice stays small on a line that breaks often.
    """

    def __init__(self) -> None:
        self.size = PIECE
        self._most = MAX_PIECE

    def sent(self, count: int, seconds: float) -> None:
        """One of ``count`` bytes took ``seconds``."""
        fits = count * _PIECE_SECONDS / max(seconds, 0.001)
        self.size = max(PIECE, min(2 * count, int(fits), self._most))

    def failed(self) -> None:
        """The last one did not come through."""
        if self.size > PIECE:
            self._most = self.size // 2
        self.size = PIECE


class _TooLongError(Exception):
    """A proxy lets no piece of this length through."""


class _LaterError(Exception):
    """The portal is busy or restarts; ``seconds``: when to come back."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


class _Patience:
    """How long a portal that brings nothing is asked again."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    def failed(self, api: Api, why: Exception, *, moved: bool) -> None:
        """Wait for the next try.

        :raises Unreachable: nothing has moved for too long.
        """
        if moved:
            self._since = time.monotonic()
        if time.monotonic() - self._since > LONG_PATIENCE:
            raise Unreachable(_("The portal at %(url)s sends nothing.") % {"url": api.server}, "unreachable")
        time.sleep(why.seconds if isinstance(why, _LaterError) else _PAUSE)


def _append(api: Api, path: str, file: BinaryIO, on_progress: OnProgress) -> None:
    start = file.tell()
    headers = {"Range": f"bytes={start}-"} if start else {}
    with api.reading(path, headers) as answer:
        _checked(api, answer)
        if start and answer.status_code != 206:
            raise PortalError(
                _("The portal does not continue the file. Delete the .part file and try again.")
            )
        for piece in answer.iter_raw(256 * 1024):
            file.write(piece)
            on_progress(file.tell())


def _send_piece(api: Api, path: str, file: BinaryIO, offset: int, size: int, pieces: Pieces) -> int:
    """Send what follows ``offset`` of ``size`` bytes; where the next piece begins.

    :raises _TooLongError: also what :func:`_checked` raises.
    :raises OSError: the file can't be read, or became shorter.
    """
    count = min(pieces.size, size - offset)
    if os.fstat(file.fileno()).st_size < size:
        raise OSError(errno.ENODATA, _("The file became shorter while it was sent."))
    headers = {
        **_TUS,
        "Upload-Offset": str(offset),
        "Content-Type": "application/offset+octet-stream",
        "Content-Length": str(count),
    }
    if count <= PIECE:
        digest = hashlib.sha256(b"".join(_parts(file, offset, count))).digest()
        headers["Upload-Checksum"] = f"sha256 {base64.b64encode(digest).decode()}"
    began = time.monotonic()
    answer = api.send("PATCH", path, headers=headers, content=_parts(file, offset, count))
    if answer.status_code == 413 and count > PIECE:
        raise _TooLongError
    if answer.status_code == 409:  # What had come of a piece that broke off was counted after we had asked.
        raise _LaterError(_SOON)
    _checked(api, answer)
    pieces.sent(count, time.monotonic() - began)
    return offset + count


def _parts(file: BinaryIO, offset: int, count: int) -> Iterator[bytes]:
    """``count`` bytes from ``offset`` on, or those that there are."""
    file.seek(offset)
    while count and (part := file.read(min(count, _READ))):
        count -= len(part)
        yield part


def _checked(api: Api, answer: httpx.Response) -> httpx.Response:
    """Raise what the portal's answer to a piece says, if it is no success.

    :raises _LaterError: it may succeed later.
    :raises PortalError: with the portal's sentence.
    """
    if answer.status_code in _LATER:
        wait = answer.headers.get("Retry-After", "")
        raise _LaterError(float(wait) if wait.isdigit() else _PAUSE)
    if not answer.is_success:
        answer.read()
        api.refuse(answer)
    return answer
