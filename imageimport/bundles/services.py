"""Bundles: planned, made, deleted. Their files: :mod:`imageimport.bundles.files`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, cast

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.caller import current_actor
from accounts.exceptions import ApplicationError, FieldErrors, sentence_of
from accounts.ids import new_id
from imageimport.bundles import receipts
from imageimport.bundles.composing import (
    BundleOptions,
    Composition,
    NotReadable,
    Piece,
    WantedImage,
    compose,
)
from imageimport.bundles.deadline import in_time
from imageimport.messages import parts
from imageimport.models import Bundle, BundleEntry
from oci.errors import OciError
from oci.layout.volumes import VolumeTooSmallError
from oci.reference.grammar import valid_repository, valid_tag
from oci.spec.platform import Platform
from projects import audit
from projects.models import AuditEvent, Image, Project
from projects.places import asking_ours

#: Images of one bundle; as many as a batch has.
MAX_IMAGES: Final = 1000
#: Bundles of one person in one project, and of all: what they list is held in the registry.
MAX_OF_ONE: Final = 50
MAX_OF_ALL: Final = 500
#: The least size of a volume, bytes: no medium is smaller.
MIN_VOLUME: Final = 1024 * 1024
#: The greatest, bytes: what a row can hold.
MAX_VOLUME: Final = 2**62
_BATCH: Final = 1000
#: Parts of a file that one person reads within this time are one entry of the audit log.
_ONE_DOWNLOAD: Final = dt.timedelta(days=1)
_TOO_LONG: Final = gettext_noop(
    "Reading the images took longer than %(seconds)d seconds. Divide them among several bundles."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleRequest:
    """The fields of a bundle as the API names them.

    :param images: ``name:tag`` of each.
    :param known: what the other side has: an earlier bundle of the project, or a receipt.
    """

    images: Sequence[str]
    name: str = ""
    platforms: Sequence[str] = field(default_factory=tuple)
    include_referrers: bool = True
    known: receipts.Known = receipts.NOTHING
    volume_bytes: int | None = None


def plan(*, project: Project, request: BundleRequest) -> Composition:
    """What a bundle would be, without making it.

    :raises FieldErrors: on any field.
    :raises ApplicationError: ``bundle_too_large``.
    :raises OciError: the registry is away or busy; it took too long.
    """
    return _compose(project, request, bundle_id="")


def create(*, project: Project, user: User, request: BundleRequest) -> Bundle:
    """Make a bundle. What it lists stays in the registry from then on.

    :raises FieldErrors: on any field.
    :raises ApplicationError: ``too_many_bundles``, ``bundle_too_large``.
    :raises OciError: as :func:`plan`.
    """
    _check_count(project, user)
    bundle = Bundle(
        id=new_id(),
        project=project,
        created_by=user,
        name=request.name.strip() or _name_of(request.images),
        platforms=list(request.platforms),
        include_referrers=request.include_referrers,
        volume_bytes=request.volume_bytes,
    )
    found = _compose(project, request, bundle_id=str(bundle.pk))
    bundle.images, bundle.volumes, bundle.document = found.images, found.volumes, found.document
    bundle.size, bundle.omitted_bytes = found.size, found.omitted_bytes
    bundle.notes = [parts(template, params) for template, params in found.notes]
    with transaction.atomic():
        Project.objects.select_for_update().only("pk").get(pk=project.pk)
        _check_count(project, user)
        bundle.save(force_insert=True)
        BundleEntry.objects.bulk_create(_entries(bundle, found.pieces), batch_size=_BATCH)
        audit.record("bundle.created", bundle, images=len(found.images), size=found.size)
    return bundle


def delete(*, bundle: Bundle) -> None:
    """Take a bundle away. What only it held may then be collected."""
    with transaction.atomic():
        audit.record("bundle.deleted", bundle)
        bundle.delete()


def note_download(*, bundle: Bundle, number: int, is_whole: bool) -> None:
    """Write down that someone reads a file of a bundle: each time it is asked for as a whole, and the first part in a
    day, since any of them may be nearly all of it.
    """
    if not is_whole:
        lately = AuditEvent.objects.filter(
            project=bundle.project_id,
            action="bundle.downloaded",
            at__gt=timezone.now() - _ONE_DOWNLOAD,
            actor=current_actor().user,
            detail__bundle=str(bundle.pk),
            detail__volume=number,
        )
        if lately.exists():
            return
    audit.record("bundle.downloaded", bundle, volume=number)


def note_export(images: Sequence[WantedImage], *, file_name: str) -> None:
    """Write down, in the audit log of each project, that its images go into a file of this machine."""
    names: dict[str, list[str]] = {}
    for each in images:
        names.setdefault(each.project, []).append(each.name)
    with transaction.atomic():
        for project in Project.objects.filter(name__in=names):
            audit.record("bundle.exported", project, file=file_name, images=names[project.name])


def wanted_images(project: Project, names: Sequence[str]) -> list[WantedImage]:
    """The tags that ``name:tag`` texts name, each once, with the sources that are known.

    :raises FieldErrors: on ``images``.
    """
    split = list(dict.fromkeys(_split(name) for name in names))
    if len(split) > MAX_IMAGES:
        raise FieldErrors({"images": [_("Choose at most %(limit)d images.") % {"limit": MAX_IMAGES}]})
    if not split:
        raise FieldErrors({"images": [_("Choose at least one image.")]})
    rows = Image.objects.filter(project=project, repository__in={name for name, _tag in split})
    known = {
        (name, tag): (source, digest)
        for name, tag, source, digest in rows.values_list("repository", "tag", "source_image", "digest")
    }
    return [WantedImage(project.name, name, tag, *known.get((name, tag), ("", ""))) for name, tag in split]


def _split(text: str) -> tuple[str, str]:
    name, _colon, tag = text.strip().rpartition(":")
    if not (valid_repository(name) and valid_tag(tag)):
        sentence = _("%(name)s is not an image of this project. Write it as name:tag.")
        raise FieldErrors({"images": [sentence % {"name": text.strip()[:200]}]})
    return name, tag


def _compose(project: Project, request: BundleRequest, *, bundle_id: str) -> Composition:
    wanted = wanted_images(project, request.images)
    if request.volume_bytes is not None and request.volume_bytes < MIN_VOLUME:
        raise _volume_too_small()
    if request.volume_bytes is not None and request.volume_bytes > MAX_VOLUME:
        sentence = _("A volume can have at most %(limit)d bytes.")
        raise FieldErrors({"volume_bytes": [sentence % {"limit": MAX_VOLUME}]})
    options = BundleOptions(
        platforms=checked_platforms(request.platforms),
        include_referrers=request.include_referrers,
        known=receipts.digests_of(project, request.known),
        volume_bytes=request.volume_bytes,
    )
    with asking_ours(), _told(), in_time(_TOO_LONG) as cancel:
        return compose(wanted, options, bundle_id=bundle_id, cancel=cancel)


def checked_platforms(names: Sequence[str]) -> tuple[str, ...]:
    """Platforms in their one form.

    :raises FieldErrors: on ``platforms``.
    """
    try:
        return tuple(str(Platform.parse(name)) for name in names)
    except OciError as exc:
        raise FieldErrors({"platforms": [sentence_of(exc)]}) from None


@contextmanager
def _told() -> Iterator[None]:
    """What is wrong with an image or the size, as errors of the fields that say so."""
    try:
        yield
    except NotReadable as exc:
        raise FieldErrors({"images": [f"{exc.image}: {sentence_of(exc.error)}"]}) from None
    except VolumeTooSmallError:
        raise _volume_too_small() from None
    except OciError as exc:
        if exc.code != "limit_exceeded":
            raise
        raise ApplicationError("bundle_too_large", exc.template, **cast(Any, exc.params)) from None


def _volume_too_small() -> FieldErrors:
    sentence = _("A volume this small has no room for its index. Enter at least %(limit)d bytes.")
    return FieldErrors({"volume_bytes": [sentence % {"limit": MIN_VOLUME}]})


def _check_count(project: Project, user: User) -> None:
    there = Bundle.objects.filter(project=project)
    if there.filter(created_by=user).count() >= MAX_OF_ONE:
        raise ApplicationError(
            "too_many_bundles",
            gettext_noop(
                "You already have %(limit)d bundles in this project, which is the limit. Delete one you no longer "
                "need."
            ),
            limit=MAX_OF_ONE,
        )
    if there.count() >= MAX_OF_ALL:
        raise ApplicationError(
            "too_many_bundles",
            gettext_noop(
                "This project already has %(limit)d bundles, which is the limit. Delete one that is no longer needed."
            ),
            limit=MAX_OF_ALL,
        )


def _name_of(images: Sequence[str]) -> str:
    """What a bundle without a name is called: after its first image."""
    first = images[0].strip()[:80] if images else ""
    return first if len(images) < 2 else f"{first} +{len(images) - 1}"


def _entries(bundle: Bundle, pieces: Sequence[Piece]) -> Iterator[BundleEntry]:
    for piece in pieces:
        place: dict[str, Any] = {}
        if piece.place is not None:
            place = {"volume": piece.place.volume, "offset": piece.place.offset}
        yield BundleEntry(
            bundle=bundle,
            digest=piece.digest,
            size=piece.size,
            repository=piece.repository.partition("/")[2],
            is_manifest=piece.is_manifest,
            content=piece.content,
            **place,
        )
