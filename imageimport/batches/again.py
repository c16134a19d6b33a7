"""Images imported again from where they came: what has moved at its source arrives, what has not moves no byte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from accounts.exceptions import FieldErrors
from imageimport import selectors
from imageimport.batches import services
from imageimport.batches.validation import BatchErrors
from imageimport.models import ImportBatch, ImportTask
from imageimport.submission.requests import ImportRequest
from oci.layout import url as bundle_url
from projects.models import Image, Project


@dataclass(frozen=True, slots=True)
class Again:
    """The batch, None where no image can be imported again; ``skipped``: a sentence for each image left aside."""

    batch: ImportBatch | None
    skipped: list[str] = field(default_factory=list)


def import_again(*, project: Project, user: User | None, images: Sequence[Image]) -> Again:
    """Make a batch of the images' sources, each to the tag that it has here, for the platforms, with the saved
    credential and in the way of the import that brought it. Where that import is no longer in the history, as the
    project imports by default.

    :raises FieldErrors: on ``images``: some can't be imported so.
    :raises ApplicationError: as :func:`services.create`.
    """
    brought = selectors.brought_all(project, images)
    entries: list[ImportRequest] = []
    skipped: list[str] = []
    for image in images:
        task = brought.get(image.pk)
        problem = _problem(image, task)
        if problem:
            skipped.append(f"{image}: {problem}")
        else:
            entries.append(_request(image, task))
    if not entries:
        return Again(None, skipped)
    try:
        return Again(services.create(project=project, user=user, entries=entries), skipped)
    except BatchErrors as exc:
        raise FieldErrors({"images": exc.by_target(entries)}) from exc


def _problem(image: Image, task: ImportTask | None) -> str:
    """Why an image can't be imported again as it was, in the reader's language; empty where it can."""
    if not image.source_image:
        return _("This image was pushed: the portal knows no source to import it from.")
    if image.source_image.startswith(f"{bundle_url.BUNDLE}:") or (task is not None and task.uploads):
        return _("This image came from an uploaded file. Import the file again.")
    if task is not None and task.credentials_erased:
        return _("The credentials of this import were erased. Import this image separately and enter them.")
    if task is not None and task.credential_required and task.credential is None:
        return _("The saved credential of this import was deleted.")
    return ""


def _request(image: Image, task: ImportTask | None) -> ImportRequest:
    """What the import asked for, but that it may overwrite: the tag is here by now."""
    if task is None:
        return ImportRequest(image_url=image.source_image, target_name=image.repository, target_tag=image.tag)
    return ImportRequest(
        image_url=task.image_url,
        target_name=image.repository,
        target_tag=image.tag,
        credential=task.credential,
        platforms=task.platforms,
        platforms_by_default=task.platforms_by_default,
        include_referrers=task.include_referrers,
        transport=task.transport,
    )
