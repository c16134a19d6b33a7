"""Uploaded files as archives: where they lie, and opening them together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext_noop

from imageimport.models import BundleUpload, ImportTask
from oci.errors import OciError
from oci.layout.archive import Archive
from oci.layout.files import open_file
from oci.layout.kept_index import indexed
from oci.layout.reading import read_archive

_GONE = gettext_noop("The uploaded file is no longer here. Upload it again.")


def path_of(upload_id: UUID | str) -> Path:
    """Where the bytes of an upload lie."""
    return Path(settings.UPLOADS_DIR) / str(upload_id)


def index_of(upload_id: UUID | str) -> Path:
    """Where the index of a compressed upload is kept (:mod:`oci.layout.kept_index`)."""
    return path_of(f"{upload_id}.index")


def _nothing() -> None:
    """No one waits."""


def open_archive(uploads: Sequence[BundleUpload], *, tick: Callable[[], None] = _nothing) -> Archive:
    """What these files hold together. Close it.

    :param tick: as of :class:`oci.layout.files.ArchiveFile`.
    :raises OciError: ``bundle_invalid``, ``bundle_incomplete``; ``source_error``: the disk fails.
    """
    with ExitStack() as opened:
        beside = {}
        for upload in uploads:
            file = open_file(path_of(upload.pk), upload.file_name)
            opened.callback(file.close)
            file.tick = tick
            beside[file] = index_of(upload.pk)
        archive = read_archive(list(beside), lambda file: indexed(file, beside[file]))
        opened.pop_all()
        return archive


@contextmanager
def opened(uploads: Sequence[BundleUpload], *, tick: Callable[[], None] = _nothing) -> Iterator[Archive]:
    """As :func:`open_archive`, closed at the end of the block."""
    archive = open_archive(uploads, tick=tick)
    try:
        yield archive
    finally:
        archive.close()


class _Kept:
    """One archive of this worker that is compressed, for the next import from it: it was read through once."""

    ids: tuple[str, ...] = ()
    archive: Archive | None = None


def take(task: ImportTask, *, tick: Callable[[], None]) -> Archive:
    """The archive that a task is read from. Close it, or give it back (:func:`give_back`).

    :raises OciError: as :func:`open_archive`; ``not_found``: the files are gone.
    """
    ids = tuple(map(str, task.uploads))
    kept, _Kept.archive = _Kept.archive, None
    if kept is not None and _Kept.ids != ids:
        kept.close()
        kept = None
    rows = {str(row.pk): row for row in BundleUpload.objects.filter(project=task.project_id, pk__in=ids)}
    if len(rows) < len(set(ids)) or not ids:
        if kept is not None:
            kept.close()
        raise OciError("not_found", _GONE)
    if kept is None:
        return open_archive([rows[each] for each in ids], tick=tick)
    for file in kept.files:
        file.tick = tick
    return kept


def let_go(*, unless: ImportTask | None = None) -> None:
    """Close what was kept for a next import that does not come: a file that is open takes its room on the disk after it
    was deleted.

    :param unless: the import that comes next; what is kept for it stays.
    """
    if unless is not None and _Kept.ids == tuple(map(str, unless.uploads)):
        return
    kept, _Kept.archive = _Kept.archive, None
    if kept is not None:
        kept.close()


def give_back(task: ImportTask, archive: Archive) -> None:
    """Close it, unless it is compressed and another import of the same batch waits for it. For workers, which let go of
    it at last (:func:`let_go`).
    """
    waits = ImportTask.objects.waiting().filter(batch=task.batch_id, transport=task.transport)
    if task.batch_id and not archive.seeks and waits.exists():
        _Kept.ids, _Kept.archive = tuple(map(str, task.uploads)), archive
    else:
        archive.close()
