"""Going back: a tag names an earlier digest again, as long as the target still holds it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_noop

from accounts.exceptions import ApplicationError
from imageimport import timeline
from imageimport.choices import Status, Transport
from imageimport.models import ImportTask, TagDigest
from imageimport.policy.returns import judge_return
from imageimport.submission import services
from oci.copy.candidate import Candidate
from oci.copy.image_info import ImageInfo
from oci.copy.look import candidate_at
from oci.copy.signatures.places import AtRepository
from oci.errors import OciError
from projects import audit, places, protection
from projects import services as project_services
from projects.models import Image, Project, TrashedTag
from projects.quota import reserved
from projects.registry import client
from projects.registry.inspect import inspect
from projects.token_service import writers

_GONE: Final = gettext_noop("This image is no longer in the registry.")


def restore(*, image: Image, digest: str) -> Image:
    """Put the image's tag on ``digest``, which it named before. Nothing is imported, nothing deleted.

    :raises ApplicationError: ``tag_protected``; ``registry_busy``; ``not_in_timeline``; ``refused_by_rule``: by the
        rules for where it came from; ``target_busy``; ``digest_gone``: the target no longer holds it;
        ``quota_exceeded``: it is larger than what the tag names now, and the project is full.
    :raises OciError: the target is away.
    """
    if digest != image.digest:
        protection.refuse_change(image.project, image.repository, image.tag)
    row = timeline.of_image(image).filter(digest=digest).first()
    if row is None:
        raise ApplicationError(
            "not_in_timeline", gettext_noop("This tag never pointed to %(digest)s."), digest=digest[:200]
        )
    _refuse_busy(image.project, image.repository, image.tag)
    name = f"{image.project.name}/{image.repository}"
    judge_return(
        image.project,
        # What was pushed here came from here.
        source_image=row.source_image or f"{settings.REGISTRY_PUBLIC_HOST}/{name}:{image.tag}",
        digests=[each for each in (row.source_digest, digest) if each],
        look=partial(_look, name, digest),
    )
    # Right before: to judge it may have taken longer than a collection waits.
    writers.refuse_while_held()
    found, room = _put(name, image, digest)
    with room, transaction.atomic():
        restored = project_services.record_image(
            project=image.project,
            repository=image.repository,
            tag=image.tag,
            image=found,
            source_image=row.source_image,
            signature=_as_found(image, digest),
        )
        timeline.note(
            TagDigest(
                project_id=image.project_id,
                repository=image.repository,
                tag=image.tag,
                digest=digest,
                source_image=row.source_image,
                source_digest=row.source_digest,
            )
        )
        audit.record("image.restored", image, digest=digest, was=image.digest)
    return restored


def judge_trashed(trashed: TrashedTag) -> None:
    """Whether a tag may come back from the trash: while no import writes it, and by the rules for where it came from.

    :raises ApplicationError: ``target_busy``; ``refused_by_rule``; ``digest_gone``.
    :raises OciError: our registry fails.
    """
    _refuse_busy(trashed.project, trashed.repository, trashed.tag)
    name = f"{trashed.project.name}/{trashed.repository}"
    named = TagDigest.objects.filter(
        project=trashed.project, repository=trashed.repository, tag=trashed.tag, digest=trashed.digest
    )
    sources = set(named.values_list("source_digest", flat=True)) - {""}
    judge_return(
        trashed.project,
        source_image=trashed.source_image or f"{settings.REGISTRY_PUBLIC_HOST}/{name}:{trashed.tag}",
        digests=[*sources, trashed.digest],
        look=partial(_look, name, trashed.digest),
    )


def _refuse_busy(project: Project, repository: str, tag: str) -> None:
    busy = services.busy_targets(project, [(repository, tag)])
    if busy:
        raise ApplicationError(
            "target_busy",
            gettext_noop("An import to this tag is in progress. Try again when it has finished."),
            facts={"task": str(next(iter(busy.values())))},
        )


@contextmanager
def _look(name: str, digest: str) -> Iterator[tuple[Candidate, AtRepository]]:
    """The content of a digest at our own registry, ready to be given a tag, and where its signatures are.

    :raises ApplicationError: ``digest_gone``.
    :raises OciError: the registry is away.
    """
    with places.asking_ours(), client.opened_repository(name, client.PULL) as target:
        try:
            with candidate_at(target, digest, cancel=target.client.cancel) as candidate:
                yield candidate, AtRepository(target)
        except OciError as exc:
            if exc.code != "not_found":
                raise
            raise ApplicationError("digest_gone", _GONE) from exc


def _as_found(image: Image, digest: str) -> dict[str, Any] | None:
    """What the last import that put the tag on ``digest`` found of its signatures; None where none asked.

    What Docker Engine packed in its own way is not what was signed.
    """
    tasks = timeline.of_image(image).filter(digest=digest).exclude(task=None).values("task")
    asked = ImportTask.objects.filter(
        pk__in=tasks, status=Status.SUCCESS, digest=digest, signature__isnull=False
    )
    same = asked.exclude(~Q(source_digest=digest), transport=Transport.DOCKER)
    return same.order_by("-completed_at").values_list("signature", flat=True).first()


def _put(name: str, image: Image, digest: str) -> tuple[ImageInfo, ExitStack]:
    """Put the tag on the manifest, whose whole tree is read before. Gives what holds its room in the project, too.

    :raises ApplicationError: ``digest_gone``; ``quota_exceeded``.
    :raises OciError: the registry is away.
    """
    with ExitStack() as room, places.asking_ours(), client.opened_repository(name, client.PUSH) as target:
        try:
            found = inspect(target, digest)
            if found is not None:
                room.enter_context(reserved(image.project, images=0, size=found.size - image.size))
                # A registry refuses a manifest whose blobs were collected.
                target.put_manifest(image.tag, target.get_manifest(digest))
                return found, room.pop_all()
        except OciError as exc:
            if exc.retryable:
                raise
    raise ApplicationError("digest_gone", _GONE)
