"""Files of images on their way in: begun, received piece by piece, resumed, given up, expired.

The row says how much has come. A piece whose checksum is wrong leaves no trace; one that breaks off without a
checksum counts as far as it came.
"""

from __future__ import annotations

import datetime as dt
import errno
import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, Protocol

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Q, Sum
from django.http import UnreadablePostError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.exceptions import ApplicationError, FieldErrors
from imageimport.models import BundleUpload, ImportTask
from imageimport.registries.archives import index_of, path_of
from oci.limits import ARCHIVE_VOLUMES
from projects import audit
from projects.models import Holding, Project
from projects.quota import locked_quotas

log = structlog.get_logger(__name__)

#: Unfinished and finished uploads that one project may have at once.
MAX_UPLOADS: Final = ARCHIVE_VOLUMES
#: The longest file, bytes: what a signed 64-bit integer holds.
MAX_BYTES: Final = 2**63 - 1
#: Left free on the disk, bytes, for the rest of the portal: so much, or a twentieth of a small disk.
RESERVE_BYTES: Final = 1024 * 1024 * 1024
_RESERVE_SHARE: Final = 20
_READ_BYTES: Final = 1024 * 1024
_NAME_CHARS: Final = 200
_ODD: Final = re.compile(r"[^\w.+@=, ()-]+")
_DEFAULT_NAME: Final = "upload.tar"


class Stream(Protocol):
    """What a piece is read from."""

    def read(self, size: int, /) -> bytes:
        """Up to ``size`` bytes; none at the end."""


def create(*, project: Project, user: User | None, length: int, file_name: str) -> BundleUpload:
    """Begin an upload of ``length`` bytes.

    :raises FieldErrors: ``length``.
    :raises ApplicationError: ``quota_exceeded``, ``no_space``, ``too_many_uploads``.
    """
    if not 0 < length <= MAX_BYTES:
        raise FieldErrors({"length": [_("The file is empty.")]})
    with transaction.atomic():
        _check_room(locked_quotas(project.pk), length)
        upload = BundleUpload(
            project=project,
            requested_by=user,
            file_name=clean_name(file_name),
            length=length,
            expires_at=_expiry(),
        )
        upload.save(force_insert=True)
        audit.record("upload.created", upload, bytes=length)
    path = path_of(upload.pk)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    return upload


def clean_name(text: str) -> str:
    """A file's name without its folders, and without what makes two names look like one."""
    name = text.replace("\\", "/").rpartition("/")[2]
    name = _ODD.sub("-", name).strip(" .-")[-_NAME_CHARS:]
    return name or _DEFAULT_NAME


def receive(
    *, upload: BundleUpload, offset: int, stream: Stream, length: int | None, checksum: bytes | None = None
) -> BundleUpload:
    """Take in one piece.

    :param offset: where it belongs; only what follows what is here is taken.
    :param length: of the piece, bytes; None where its sender does not say.
    :param checksum: its SHA-256.
    :raises ApplicationError: ``upload_offset`` (409), ``upload_busy`` (423), ``checksum_mismatch`` (460),
        ``upload_too_long`` (413), ``no_space`` (507).
    """
    with _locked(upload) as file:
        here = BundleUpload.objects.only("offset", "length").get(pk=upload.pk)
        if here.offset != offset:
            raise ApplicationError(
                "upload_offset",
                gettext_noop("The upload is at byte %(here)d, not %(offset)d."),
                facts={"offset": here.offset},
                here=here.offset,
                offset=offset,
            )
        if length is not None and offset + length > here.length:
            raise _too_long(here.length)
        came = _write(file, here, stream, length, checksum)
        upload.offset = offset + came
        upload.expires_at = _expiry()
        rows = BundleUpload.objects.filter(pk=upload.pk, offset=offset)
        if not rows.update(offset=upload.offset, expires_at=upload.expires_at):
            raise _busy()
    return upload


def delete(*, upload: BundleUpload) -> None:
    """Give an upload up: its row first, then its bytes.

    :raises ApplicationError: ``upload_in_use``: an import reads it.
    """
    if str(upload.pk) in in_use():
        raise ApplicationError(
            "upload_in_use",
            gettext_noop(
                "Imports from this file are still in progress. Wait for them to finish, or cancel them."
            ),
        )
    with transaction.atomic():
        audit.record("upload.deleted", upload)
        BundleUpload.objects.filter(pk=upload.pk).delete()
    path_of(upload.pk).unlink(missing_ok=True)
    index_of(upload.pk).unlink(missing_ok=True)


def finish(*, upload: BundleUpload) -> bool:
    """What has come is all: its length was not known before. False, and nothing is kept, where that is nothing."""
    if not upload.offset:
        BundleUpload.objects.filter(pk=upload.pk).delete()
        path_of(upload.pk).unlink(missing_ok=True)
        return False
    upload.length = upload.offset
    BundleUpload.objects.filter(pk=upload.pk).update(length=upload.length)
    os.truncate(path_of(upload.pk), upload.length)
    return True


def adopt(*, project: Project, user: User | None, path: Path) -> BundleUpload:
    """A file of this machine as an upload that has come: by a link where that can be, else as a copy.

    :raises OSError: it can't be read.
    :raises FieldErrors:
    :raises ApplicationError: as :func:`create`.
    """
    upload = create(project=project, user=user, length=path.stat().st_size, file_name=path.name)
    place = path_of(upload.pk)
    try:
        place.unlink()
        try:
            # Only a file of our own: the worker could not read another's.
            if path.is_symlink() or path.stat().st_uid != os.geteuid():
                raise OSError(errno.EPERM, "not ours")
            os.link(path, place)
        except OSError:
            shutil.copyfile(path, place)
    except BaseException:
        delete(upload=upload)
        raise
    upload.offset = upload.length
    BundleUpload.objects.filter(pk=upload.pk).update(offset=upload.length)
    return upload


def keep(uploads: Iterable[BundleUpload]) -> None:
    """They were used just now: they stay for as long again."""
    BundleUpload.objects.filter(pk__in=[each.pk for each in uploads]).update(expires_at=_expiry())


def expire(now: dt.datetime | None = None) -> int:
    """Remove uploads whose time is over and that no import reads, and bytes without a row. How many rows went."""
    now = now or timezone.now()
    gone = BundleUpload.objects.filter(expires_at__lt=now).exclude(pk__in=in_use())
    count = 0
    for upload in gone.iterator():
        count += BundleUpload.objects.filter(pk=upload.pk, expires_at__lt=now).delete()[0]
    directory = path_of("x").parent
    if directory.is_dir():
        known = {str(pk) for pk in BundleUpload.objects.values_list("pk", flat=True)}
        for path in list(directory.iterdir()):
            if path.name.partition(".")[0] not in known and _is_old(path.stat().st_mtime, now):
                path.unlink(missing_ok=True)
    if count:
        log.info("uploads.expired", count=count)
    return count


def in_use() -> set[str]:
    """Ids of uploads that imports read, or will."""
    rows = ImportTask.objects.active().exclude(uploads=[]).order_by()
    return {each for uploads in rows.values_list("uploads", flat=True) for each in uploads}


def _is_old(mtime: float, now: dt.datetime) -> bool:
    """Older than the moment between the writing of a row and of its file."""
    return now.timestamp() - mtime > 3600


def _expiry() -> dt.datetime:
    return timezone.now() + dt.timedelta(hours=settings.UPLOAD_RETENTION_HOURS)


def _check_room(project: Project, length: int) -> None:
    here = BundleUpload.objects.filter(project=project)
    if here.count() >= MAX_UPLOADS:
        raise ApplicationError(
            "too_many_uploads",
            gettext_noop(
                "This project already has %(limit)d uploaded files, which is the limit. Delete some first."
            ),
            limit=MAX_UPLOADS,
        )
    if project.quota_bytes is not None:
        held = Holding.objects.filter(project=project).first() or Holding()
        total = held.bytes + (here.aggregate(total=Sum("length"))["total"] or 0) + length
        if total > project.quota_bytes:
            raise ApplicationError(
                "quota_exceeded",
                gettext_noop(
                    "This project can hold %(limit)d bytes; with this file it would need %(total)d."
                ),
                limit=project.quota_bytes,
                total=total,
            )
    _check_disk(project, length)


def _check_disk(project: Project, length: int) -> None:
    """What a project announced has to fit. What others announced and did not send counts for half of the disk at most:
    it costs nothing to announce it.
    """
    directory = path_of("x").parent
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    free = _free(directory)
    left = F("length") - F("offset")
    coming = BundleUpload.objects.aggregate(all=Sum(left), ours=Sum(left, filter=Q(project=project)))
    ours = coming["ours"] or 0
    others = (coming["all"] or 0) - ours
    if length + ours + min(others, free // 2) > free:
        raise _no_space()


def _free(where: Path | int) -> int:
    """Bytes of the disk that uploads may take now.

    :param where: a folder, or the number of an open file.
    """
    disk = shutil.disk_usage(where)
    return max(0, disk.free - min(RESERVE_BYTES, disk.total // _RESERVE_SHARE))


@contextmanager
def _locked(upload: BundleUpload) -> Iterator[IO[bytes]]:
    """Its file, for one writer at a time."""
    try:
        file = path_of(upload.pk).open("r+b")
    except FileNotFoundError:
        raise ApplicationError(
            "upload_gone", gettext_noop("The uploaded file is no longer here. Upload it again.")
        ) from None
    # Around the closing, too, which writes what the last flush could not.
    with _room(), file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _busy() from None
        yield file


def _write(
    file: IO[bytes], here: BundleUpload, stream: Stream, length: int | None, checksum: bytes | None
) -> int:
    """Bytes of the piece that count."""
    file.seek(here.offset)
    left, came, digest = here.length - here.offset, 0, hashlib.sha256()
    try:
        for piece in _pieces(stream, left if length is None else length):
            if len(piece) > left - came:
                raise _too_long(here.length)
            # Others may have announced more than there is.
            if len(piece) > _free(file.fileno()):
                raise _no_space()
            file.write(piece)
            if checksum is not None:
                digest.update(piece)
            came += len(piece)
    finally:
        file.flush()
    if checksum is not None and digest.digest() != checksum:
        raise ApplicationError(
            "checksum_mismatch", gettext_noop("The data doesn't match its checksum. Send it again.")
        )
    if here.offset + came == here.length:
        file.truncate(here.length)
        os.fdatasync(file.fileno())
    return came


def _pieces(stream: Stream, most: int) -> Iterator[bytes]:
    """What comes of ``most`` bytes; less where the sender is gone."""
    left = most
    while left:
        try:
            piece = stream.read(min(left, _READ_BYTES))
        except (UnreadablePostError, ConnectionError, TimeoutError):
            return
        if not piece:
            return
        left -= len(piece)
        yield piece


@contextmanager
def _room() -> Iterator[None]:
    """Say so where there is no room for what is written inside the block.

    :raises ApplicationError: ``no_space``, where the disk, or a quota on it, says so while something is written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _no_space() from None
        raise


def _busy() -> ApplicationError:
    return ApplicationError(
        "upload_busy",
        gettext_noop("Another request is already uploading this file. Wait until it has finished."),
    )


def _no_space() -> ApplicationError:
    return ApplicationError("no_space", gettext_noop("The portal's disk has no room for this file."))


def _too_long(length: int) -> ApplicationError:
    return ApplicationError(
        "upload_too_long", gettext_noop("The upload has %(length)d bytes; more were sent."), length=length
    )
