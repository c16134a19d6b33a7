"""Going back: a tag names an earlier digest again, as long as the target still holds it."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from imageimport import timeline
from imageimport.exceptions import Refused
from imageimport.submission import services
from oci.errors import OciError
from projects import audit, places
from projects import services as project_services
from projects.models import Image
from projects.registry import client
from projects.registry.inspect import Inspected, inspect


def restore(
    *, image: Image, digest: str, user: User | None, audit_request: HttpRequest | None = None
) -> Image:
    """Put the image's tag on ``digest``, which it named before. Nothing is imported, nothing deleted.

    :raises Refused: ``not_in_timeline``; ``digest_gone`` where the target does not hold it any more; ``target_busy``.
    :raises OciError: the target is away.
    """
    row = timeline.of_image(image).filter(digest=digest).first()
    if row is None:
        raise Refused("not_in_timeline", _("This tag never named %(digest)s.") % {"digest": digest[:200]})
    busy = services.busy_targets(image.project, [(image.repository, image.tag)])
    if busy:
        raise Refused(
            "target_busy", _("An import to this tag is under way."), task=str(next(iter(busy.values())))
        )
    found = _put(f"{image.project.name}/{image.repository}", image.tag, digest)
    with transaction.atomic():
        restored = project_services.record_image(
            project=image.project,
            repository=image.repository,
            tag=image.tag,
            digest=digest,
            media_type=found.media_type,
            artifact_type=found.artifact_type,
            size=found.size,
            platforms=list(found.platforms),
            children=list(found.children),
            source_image=row.source_image,
        )
        timeline.note(
            project_id=image.project_id,
            repository=image.repository,
            tag=image.tag,
            digest=digest,
            source_image=row.source_image,
            source_digest=row.source_digest,
        )
        audit.record(
            action="image.restored",
            actor=user,
            project=image.project,
            subject=f"{image.repository}:{image.tag}",
            detail={"digest": digest, "was": image.digest},
            request=audit_request,
        )
    return restored


def _put(repository: str, tag: str, digest: str) -> Inspected:
    """Put the tag on the manifest, whose whole tree is read before.

    :raises Refused: ``digest_gone``. :raises OciError: the registry is away.
    """
    with places.asking_ours(), client.opened(access={repository: client.PUSH}) as target:
        try:
            found = inspect(target, repository, digest)
            if found is not None:
                # A registry refuses a manifest whose blobs were collected.
                target.put_manifest(repository, tag, target.get_manifest(repository, digest))
                return found
        except OciError as exc:
            if exc.retryable:
                raise
    raise Refused("digest_gone", _("The registry does not hold this image any more."))
