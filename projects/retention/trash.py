"""The trash: a removed tag can be brought back for some days, on the same digest.

Only the tag leaves the registry. Its manifests stay, since nothing deletes what the trash holds
(:mod:`projects.keeping`), and go with a collection once the tag has left the trash.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from typing import Any, Final

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.caller import acting_as
from accounts.exceptions import ApplicationError
from oci.copy.image_info import ImageInfo
from oci.errors import OciError
from oci.registry.repository import Repository
from projects import audit, protection
from projects.keeping import Hold
from projects.models import Image, Project, TrashedTag
from projects.places import asking_ours
from projects.quota import reserved
from projects.registry.client import PULL, PUSH, opened_repository
from projects.registry.delete import TOMBSTONE, delete_tag
from projects.registry.inspect import inspect
from projects.services import forget_image, record_image
from projects.token_service import writers

#: Rows are kept this long after the content went, days. The newest of each tag stays where clean-up took it: schedules
#: ask.
FORGOTTEN_DAYS: Final = 90
#: Tags whose time in the trash is up, in one transaction.
_AT_ONCE: Final = 200
#: Asked before a tag comes back, each may refuse by an :class:`ApplicationError`: rules of what may come in.
before_restore: Final[list[Callable[[TrashedTag], None]]] = []
_IN_TRASH: Final = gettext_noop("It is in the trash.")
#: What a row of the trash keeps of its image under the same name.
_KEPT: Final = (
    "media_type", "artifact_type", "size", "platforms", "children", "source_image", "signature", "pull_count",
    "last_pulled_at",
)  # fmt: skip


def trash_of(project: Project) -> QuerySet[TrashedTag]:
    """What can be brought back, removed last first."""
    return TrashedTag.objects.filter(project=project, gone_at=None).select_related("project", "removed_by")


def throw_away(
    *, image: Image, user: User | None, by_rule: bool = False, why: Mapping[str, Any] | None = None
) -> TrashedTag | None:
    """Take a tag out of the registry and the list, into the trash. Other tags of the same digest stay.

    :param by_rule: clean-up asks: then a tag that has moved since its row was written stays.
    :param why: what the audit log says beside the digest.
    :returns: None where it stays, or was gone already.
    :raises ApplicationError: ``tag_protected``; ``registry_busy``.
    :raises OciError: the registry is away or refuses. Nothing has changed then; where no one can tell, the tag is
        in the trash as well.
    """
    protection.refuse_change(image.project, image.repository, image.tag)
    writers.refuse_while_held()
    name = f"{image.project.name}/{image.repository}"
    with asking_ours():
        with opened_repository(name, PULL) as there:
            digest = _named_now(there, image.tag, image.digest)
        if by_rule and digest not in ("", image.digest):
            return None
        # Written first: a process that dies in between leaves a row too many, and no tag that is lost.
        trashed = _keep(image, digest, user, by_rule) if digest else None
        try:
            delete_tag(repository=name, tag=image.tag)
        except Exception:
            if trashed is not None and _names_still(name, image.tag, digest):
                trashed.delete()
            raise
    with transaction.atomic():
        forget_image(image=image)
        audit.record_event(
            action="image.cleaned" if by_rule else "image.deleted",
            project=image.project,
            subject=f"{name}:{image.tag}",
            detail={"digest": digest or image.digest, **(why or {})},
        )
    return trashed


def restore(*, trashed: TrashedTag) -> Image:
    """Bring a tag back on the digest that it had.

    :raises ApplicationError: ``not_in_trash``; ``tag_exists``: the tag names something else by now; ``digest_gone``;
        ``quota_exceeded``; ``registry_busy``; ``target_busy`` and what else :data:`before_restore` refuses.
    :raises OciError: the registry is away.
    """
    if trashed.gone_at is not None:
        raise ApplicationError("not_in_trash", gettext_noop("This tag is no longer in the trash."))
    project = trashed.project
    here = Image.objects.filter(project=project, repository=trashed.repository, tag=trashed.tag).first()
    if here is not None and here.digest != trashed.digest:
        raise _exists(trashed)
    for check in before_restore:
        check(trashed)
    writers.refuse_while_held()
    found, room = _put(f"{project.name}/{trashed.repository}", trashed, is_new=here is None)
    with room, transaction.atomic():
        image = record_image(
            project=project,
            repository=trashed.repository,
            tag=trashed.tag,
            image=found,
            source_image=trashed.source_image,
        )
        if here is None:
            image.pull_count, image.last_pulled_at = trashed.pull_count, trashed.last_pulled_at
            image.signature = trashed.signature
            image.save(update_fields=["pull_count", "last_pulled_at", "signature"])
        audit.record("trash.restored", trashed)
        trashed.delete()
    return image


def let_go(*, rows: QuerySet[TrashedTag]) -> int:
    """Give up what is in the trash: the next collection frees it. Returns how many."""
    with transaction.atomic():
        found = list(rows.filter(gone_at=None).select_related("project"))
        for trashed in found:
            audit.record("trash.emptied", trashed)
        TrashedTag.objects.filter(pk__in=[each.pk for each in found]).update(gone_at=timezone.now())
    return len(found)


def sweep(now: dt.datetime) -> int:
    """Give up what was in the trash for its time, and forget rows that no one asks for. Returns how many were given
    up."""
    newer = TrashedTag.objects.filter(
        Q(removed_at__gt=OuterRef("removed_at"))
        | Q(removed_at=OuterRef("removed_at"), id__gt=OuterRef("id")),
        project=OuterRef("project"),
        repository=OuterRef("repository"),
        tag=OuterRef("tag"),
    )
    old = TrashedTag.objects.filter(gone_at__lt=now - dt.timedelta(days=FORGOTTEN_DAYS))
    old.filter(Q(by_rule=False) | Exists(newer)).delete()
    count = 0
    while expired := _expire(now):
        count += expired
    return count


@transaction.atomic
def _expire(now: dt.datetime) -> int:
    """Give up some of what was in the trash for its time: each has its entry in the audit log."""
    due = TrashedTag.objects.filter(gone_at=None, expires_at__lte=now).order_by("expires_at", "id")
    found = list(due.select_for_update(of=("self",)).select_related("project")[:_AT_ONCE])
    with acting_as(None):
        for trashed in found:
            audit.record("trash.expired", trashed)
    TrashedTag.objects.filter(pk__in=[each.pk for each in found]).update(gone_at=now)
    return len(found)


def keep(project: Project, digests: Collection[str] | None) -> Iterator[Hold]:
    """What is in the trash stays in the registry: a keeper (:mod:`projects.keeping`)."""
    rows = TrashedTag.objects.filter(project=project, gone_at=None)
    if digests is not None:
        rows = rows.filter(digest__in=digests)
    for repository, digest in rows.values_list("repository", "digest").iterator():
        yield Hold(digest, repository, _IN_TRASH)


def _named_now(there: Repository, tag: str, expected: str) -> str:
    """What the registry says that the tag names; empty where it is gone, or a deletion broke off half-way.

    :param expected: what it probably names, which is no empty index that stands in for it.
    """
    head = there.head_manifest(tag)
    if head is None or head.digest == expected:
        return expected if head is not None else ""
    try:
        manifest = there.find_manifest(tag)
    except OciError as exc:
        if exc.retryable or not head.digest:
            raise
        return head.digest  # what can't be understood stands in for nothing
    return "" if manifest is None or TOMBSTONE in manifest.annotations else manifest.digest


def _names_still(name: str, tag: str, digest: str) -> bool:
    """Whether the tag certainly names ``digest``, after a deletion that failed: the registry may have carried it out,
    and only its answer was lost."""
    try:
        with opened_repository(name, PULL) as there:
            head = there.head_manifest(tag)
            return head is not None and head.digest == digest
    except OciError:
        return False


def _keep(image: Image, digest: str, user: User | None, by_rule: bool) -> TrashedTag:
    now = timezone.now()
    days = image.project.trash_days
    # Of another digest than the row's, which was pushed a moment ago, nothing is known.
    facts: dict[str, Any] = {name: getattr(image, name) for name in _KEPT} if digest == image.digest else {}
    return TrashedTag.objects.create(
        project=image.project,
        repository=image.repository,
        tag=image.tag,
        digest=digest,
        set_at=image.updated_at,
        removed_at=now,
        removed_by=user,
        by_rule=by_rule,
        expires_at=now + dt.timedelta(days=days),
        gone_at=None if days else now,
        **facts,
    )


def _exists(trashed: TrashedTag) -> ApplicationError:
    return ApplicationError(
        "tag_exists",
        gettext_noop("%(target)s exists again and points to a different image. Delete it first."),
        target=str(trashed),
    )


def _put(name: str, trashed: TrashedTag, *, is_new: bool) -> tuple[ImageInfo, ExitStack]:
    """Put the tag on what it named, where it names nothing else. Gives what holds its room in the project, too.

    :param is_new: the project has no tag of this name.
    :raises ApplicationError: ``tag_exists``, ``digest_gone``; ``quota_exceeded``.
    :raises OciError: the registry is away.
    """
    with ExitStack() as room, asking_ours(), opened_repository(name, PUSH) as target:
        try:
            found = inspect(target, trashed.digest)
            if found is not None:
                # Asked of the registry: what was pushed a moment ago is in no row yet.
                if _named_now(target, trashed.tag, trashed.digest) not in ("", trashed.digest):
                    raise _exists(trashed)
                if is_new:
                    room.enter_context(reserved(trashed.project, images=1, size=found.size))
                target.put_manifest(trashed.tag, target.get_manifest(trashed.digest))
                return found, room.pop_all()
        except OciError as exc:
            if exc.retryable:
                raise
    raise ApplicationError("digest_gone", gettext_noop("This image is no longer in the registry."))
