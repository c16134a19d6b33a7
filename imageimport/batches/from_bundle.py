"""A batch of the images of uploaded files: seen through before anything is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.exceptions import ApplicationError, FieldErrors
from imageimport.batches import services
from imageimport.bundles import contents, uploads
from imageimport.bundles.contents import Planned
from imageimport.bundles.deadline import in_time
from imageimport.models import BundleUpload, ImportBatch
from imageimport.registries import archives
from imageimport.submission.requests import ImportRequest
from oci.cancel import CancelToken
from oci.errors import OciError
from oci.layout import url as bundle_url
from oci.layout.annotations import SOURCE
from oci.layout.archive import Archive
from oci.layout.faults import Incomplete
from oci.reference.parser import parse_reference
from projects.models import Project

#: What is wrong with the files themselves.
_FAULTS: Final = frozenset({"bundle_invalid", "bundle_incomplete"})
#: What is wrong with a manifest of a file, before there is an import that fails for it.
_OF_MANIFESTS: Final = frozenset({"unsupported_manifest", "limit_exceeded", "digest_mismatch"})
_TOO_LONG: Final = gettext_noop(
    "Reading the file took longer than %(seconds)d seconds. Upload it uncompressed, or with fewer images."
)


@dataclass(frozen=True, slots=True)
class FilePlan:
    """What is in uploaded files, and what importing it would do."""

    name: str
    images: list[Planned]

    @property
    def missing(self) -> list[str]:
        """What neither the files nor the project have."""
        return sorted({digest for each in self.images for digest in each.missing})


def plan(*, project: Project, upload_ids: Sequence[UUID], target_prefix: str = "") -> FilePlan:
    """What an import of these files would do; nothing is written.

    :raises FieldErrors: on ``uploads``.
    :raises ApplicationError: ``bundle_invalid``, ``bundle_incomplete``.
    :raises OciError: the registry or the disk fails.
    """
    with in_time(_TOO_LONG) as cancel, _opened(project, upload_ids, cancel) as (_rows, archive):
        images = contents.images_of(archive)
        found = contents.make_plan(
            project=project, archive=archive, images=images, target_prefix=target_prefix, cancel=cancel
        )
        return FilePlan(archive.name, found)


@dataclass(frozen=True, slots=True)
class Ready:
    """A batch whose files were seen through; nothing is written yet."""

    project: Project
    uploads: list[BundleUpload]
    name: str
    entries: list[ImportRequest]


def create(
    *,
    project: Project,
    user: User | None,
    upload_ids: Sequence[UUID],
    images: Sequence[str] | None = None,
    target_prefix: str = "",
    overwrite: bool = True,
) -> ImportBatch:
    """Import images of uploaded files: all volumes of one bundle, or one other archive.

    Parameters and errors as of :func:`prepare` and :func:`commit`.
    """
    ready = prepare(
        project=project,
        upload_ids=upload_ids,
        images=images,
        target_prefix=target_prefix,
        overwrite=overwrite,
    )
    return commit(ready, user=user)


def prepare(
    *,
    project: Project,
    upload_ids: Sequence[UUID],
    images: Sequence[str] | None = None,
    target_prefix: str = "",
    overwrite: bool = True,
    patient: bool = False,
) -> Ready:
    """See through the files, which may take long: outside of any transaction.

    :param images: ``name:tag`` of those that are wanted; all where None.
    :param target_prefix: stands before their names.
    :param patient: however long it takes; otherwise as long as a request may.
    :raises FieldErrors: on ``uploads``, ``images``.
    :raises ApplicationError: ``bundle_invalid``; ``bundle_incomplete`` with ``missing``.
    :raises OciError: the registry or the disk fails; ``timeout``.
    """
    with (
        nullcontext(CancelToken()) if patient else in_time(_TOO_LONG) as cancel,
        _opened(project, upload_ids, cancel) as (rows, archive),
    ):
        wanted = _wanted(archive, images)
        planned = contents.make_plan(
            project=project, archive=archive, images=wanted, target_prefix=target_prefix, cancel=cancel
        )
        contents.check_whole(archive, planned)
        name = archive.name
        sources = {image: _source(archive, image) for image in wanted}
    ids = [str(row.pk) for row in rows]
    entries = [
        ImportRequest(
            image_url=bundle_url.write(name, each.content.image),
            target_name=each.target_name,
            target_tag=each.target_tag,
            overwrite=overwrite,
            uploads=ids,
            named_source=sources[each.content.image],
        )
        for each in planned
    ]
    return Ready(project, rows, name, entries)


def commit(ready: Ready, *, user: User | None) -> ImportBatch:
    """Make the batch.

    :raises BatchErrors: some can't be imported so.
    :raises ApplicationError: as :func:`imageimport.batches.services.create`.
    """
    batch = services.create(project=ready.project, user=user, entries=ready.entries, name=ready.name)
    uploads.keep(ready.uploads)
    return batch


def _source(archive: Archive, image: str) -> str:
    """The source that the file names for an image, as a full reference; empty where it names none that can be read."""
    try:
        return str(parse_reference(archive.images[image].annotations[SOURCE]))
    except (KeyError, OciError):
        return ""


def _wanted(archive: Archive, images: Sequence[str] | None) -> list[str]:
    known = contents.images_of(archive)
    if images is None:
        if not known:
            raise FieldErrors({"uploads": [_("There are no images in this file.")]})
        return known
    unknown = [image for image in images if image not in known]
    if unknown:
        template = _("%(file)s has no image %(image)s.")
        raise FieldErrors(
            {"images": [template % {"file": archive.name, "image": each[:200]} for each in unknown[:20]]}
        )
    return list(dict.fromkeys(images))


@contextmanager
def _opened(
    project: Project, upload_ids: Sequence[UUID], cancel: CancelToken
) -> Iterator[tuple[list[BundleUpload], Archive]]:
    rows = _rows(project, upload_ids)
    try:
        with archives.opened(rows, tick=cancel.check) as archive:
            yield rows, archive
    except OciError as exc:
        if exc.code not in _FAULTS | _OF_MANIFESTS:
            raise
        code = "bundle_invalid" if exc.code in _OF_MANIFESTS else exc.code
        facts = {"missing": exc.missing} if isinstance(exc, Incomplete) else {}
        error = ApplicationError(code, exc.template, facts=facts)
        error.params.update(exc.params)
        raise error from exc


def _rows(project: Project, upload_ids: Sequence[UUID]) -> list[BundleUpload]:
    found = {row.pk: row for row in BundleUpload.objects.filter(project=project, pk__in=upload_ids)}
    rows = [found[each] for each in dict.fromkeys(upload_ids) if each in found]
    if not rows or len(rows) < len(set(upload_ids)):
        raise FieldErrors({"uploads": [_("The uploaded file is no longer here. Upload it again.")]})
    for row in rows:
        if not row.is_complete:
            raise FieldErrors({"uploads": [_("%(file)s is still being uploaded.") % {"file": row.file_name}]})
    return rows
