"""Images given another tag, or copied to another project: imports whose source is the portal's own registry, so that
rules, quota, protected tags and the audit log hold as for any other, and blobs are mounted instead of moved.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from accounts.exceptions import FieldErrors
from imageimport.batches import services
from imageimport.batches.validation import BatchErrors
from imageimport.choices import Transport
from imageimport.models import ImportBatch
from imageimport.submission.requests import ImportRequest
from projects.commands import address
from projects.models import Image, Project


def copy_images(
    *, project: Project, user: User | None, images: Sequence[Image], tag: str = "", overwrite: bool = False
) -> ImportBatch:
    """Make a batch that brings what the images' tags name now into ``project``, each under its own name, with all
    platforms and what refers to it. An image that stands there under this very name and tag is left aside.

    :param project: in which ``user`` may import; workers read the images with the rights of ``user``.
    :param tag: for all of them; empty: each keeps its own.
    :raises FieldErrors: on ``tag``: all are there under it; on ``images``: some can't be copied, two would get one tag.
    :raises ApplicationError: as :func:`services.create`.
    """
    entries = [
        ImportRequest(
            # What was chosen, wherever the tag goes until a worker comes.
            image_url=f"{address(image)}@{image.digest}",
            target_name=image.repository,
            target_tag=tag or image.tag,
            platforms=(),
            overwrite=overwrite,
            transport=Transport.REGISTRY,
        )
        for image in images
        if image.project_id != project.pk or image.tag != (tag or image.tag)
    ]
    if not entries:
        raise FieldErrors({"tag": [_("Enter a new tag, or choose another project.")]})
    try:
        return services.create(project=project, user=user, entries=entries)
    except BatchErrors as exc:
        raise FieldErrors({"images": exc.by_target(entries)}) from exc
