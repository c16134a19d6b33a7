"""What a manifest or a cluster names and the project lacks: imported as one batch."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from imageimport.batches import services as batches
from imageimport.batches.services import BatchErrors
from imageimport.models import ImportBatch, ImportTask
from imageimport.submission.requests import ImportRequest, default_target_name, target_image
from oci.reference.parser import Reference
from projects.models import Project
from workloads.matching import is_ours


@dataclass(frozen=True, slots=True)
class Skipped:
    """An image that can't be imported, and why."""

    image: str
    detail: str


@dataclass(frozen=True, slots=True)
class Begun:
    """``batch``: None where nothing is to be imported."""

    batch: ImportBatch | None = None
    skipped: tuple[Skipped, ...] = ()


def missing_tag(reference: Reference) -> str:
    """The tag that an image gets that something here or there names and the project lacks. A named digest moves no tag
    that people pull by.
    """
    if reference.digest is None:
        return reference.default_target_tag
    return f"digest-{reference.digest.partition(':')[2][:12]}"


def missing_image(project: Project, reference: Reference) -> str:
    """Under which name it will be pulled."""
    return target_image(project, default_target_name(project, reference), missing_tag(reference))


def import_missing(*, project: Project, user: User, references: Collection[Reference], name: str) -> Begun:
    """One batch of all that can be imported and is not on its way already; at most :data:`batches.MAX_IMAGES`.

    What can't be imported (an address that is not allowed) does not hold up the rest.

    :raises ApplicationError: as :func:`imageimport.batches.services.create`.
    """
    wanted = [each for each in dict.fromkeys(references) if not is_ours(each)]
    coming = set(
        ImportTask.objects.active()
        .filter(project=project, source_image__in=[str(each) for each in wanted])
        .values_list("source_image", flat=True)
    )
    wanted = [each for each in wanted if str(each) not in coming]
    sentence = _("A batch can contain %(limit)d images. Import the rest with another one.") % {
        "limit": batches.MAX_IMAGES
    }
    skipped = [Skipped(str(each), sentence) for each in wanted[batches.MAX_IMAGES :]]
    wanted = wanted[: batches.MAX_IMAGES]
    while wanted:
        try:
            entries = [ImportRequest(image_url=str(each), target_tag=missing_tag(each)) for each in wanted]
            batch = batches.create(project=project, user=user, entries=entries, name=name)
        except BatchErrors as error:
            skipped += [
                Skipped(str(wanted[index]), found[0]) for index, found in sorted(error.by_index.items())
            ]
            wanted = [each for index, each in enumerate(wanted) if index not in error.by_index]
            if not error.by_index:
                raise
        else:
            return Begun(batch, tuple(skipped))
    return Begun(None, tuple(skipped))
