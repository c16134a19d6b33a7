"""What is in an archive, for people to choose from, and what of it is here already. Little of the file is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Final

from django.utils.translation import gettext_noop

from imageimport.registries import holdings
from oci.cancel import CancelToken
from oci.copy.manifest_tree import collect_blobs, read_tree
from oci.copy.referrers import is_attachment_tag
from oci.copy.worker_pool import WorkerPool
from oci.layout.archive import Archive
from oci.layout.faults import incomplete, invalid
from oci.limits import ARCHIVE_BLOBS, ARCHIVE_IMAGES
from oci.spec.manifest import Manifest
from oci.spec.selection import platform_names
from projects.models import Image, Project

#: What the target has of an image.
NEW: Final = "new"
HERE: Final = "here"
OTHER: Final = "other"

_MANY_IMAGES: Final = gettext_noop("%(file)s was refused: it has more than %(limit)d images.")
_MANY_BLOBS: Final = gettext_noop("%(file)s was refused: its images list more than %(limit)d blobs.")


@dataclass(frozen=True, slots=True)
class Content:
    """One image of an archive. ``size``: of its blobs in bytes; ``missing``: digests that the archive lacks."""

    image: str
    digest: str
    media_type: str
    platforms: tuple[str, ...]
    size: int
    blobs: frozenset[str]
    missing: frozenset[str]


@dataclass(frozen=True, slots=True)
class Planned:
    """What an import of it would do. ``state``: :data:`NEW`; :data:`HERE`: the tag names this image already;
    :data:`OTHER`: it names another one. ``missing``: what neither the file nor the project has.
    """

    content: Content
    target_name: str
    target_tag: str
    state: str
    bytes_present: int
    missing: tuple[str, ...]


def images_of(archive: Archive) -> list[str]:
    """Names of the images; those of signatures and the like come along with them.

    :raises OciError: ``bundle_invalid``: there are too many.
    """
    found = sorted(name for name in archive.images if not is_attachment_tag(name.rpartition(":")[2]))
    if len(found) > ARCHIVE_IMAGES:
        raise invalid(archive.name, _MANY_IMAGES, limit=ARCHIVE_IMAGES)
    return found


def describe(archive: Archive, images: Sequence[str]) -> Iterator[Content]:
    """Each of these images; what several names lead to is read once.

    :raises OciError: ``bundle_invalid``; ``bundle_incomplete``: a manifest is missing.
    """
    known: dict[tuple[str, str, str], Content] = {}
    count = 0
    with closing(WorkerPool(1)) as workers:
        for image in images:
            archive.files[0].tick()
            named = archive.images[image]
            key = named.digest, named.media_type, str(named.platform)
            if key not in known:
                known[key] = _describe(archive, image, workers)
            count += len(known[key].blobs)
            if count > ARCHIVE_BLOBS:
                raise invalid(archive.name, _MANY_BLOBS, limit=ARCHIVE_BLOBS)
            yield replace(known[key], image=image)


def _describe(archive: Archive, image: str, workers: WorkerPool) -> Content:
    descriptor = archive.images[image]

    def fetch(digest: str) -> Manifest:
        return archive.manifest(digest)

    root = archive.manifest(descriptor.digest, descriptor.media_type)
    tree = read_tree(root, fetch=fetch, workers=workers)
    blobs = collect_blobs(tree.manifests.values())
    names = platform_names(tree.children()) if root.is_index else ()
    if descriptor.platform is not None and not names:
        names = (str(descriptor.platform),)
    return Content(
        image=image,
        digest=root.digest,
        media_type=root.media_type,
        platforms=tuple(names),
        size=sum(blob.size for blob in blobs.values()),
        blobs=frozenset(blobs),
        missing=frozenset(digest for digest in blobs if not archive.has(digest)),
    )


def make_plan(
    *,
    project: Project,
    archive: Archive,
    images: Sequence[str],
    target_prefix: str = "",
    cancel: CancelToken | None = None,
) -> list[Planned]:
    """What importing these images into ``project`` would do.

    :param cancel: stops the questions to the registry.
    :raises OciError: as :func:`describe`; the registry is away, where the archive lacks something.
    """
    found = list(describe(archive, images))
    likely: dict[str, set[str]] = {}
    for each in found:
        if each.missing:
            likely.setdefault(target(each.image, target_prefix)[0], set()).update(each.missing)
    lacking = frozenset().union(*likely.values())
    lost = lacking - holdings.find(project, likely, cancel=cancel).keys() if lacking else frozenset()
    every = frozenset().union(*(each.blobs for each in found)) if found else frozenset()
    brought = holdings.held(project, every) | (lacking - lost)
    tags = {
        (name, tag): digest
        for name, tag, digest in Image.objects.filter(
            project=project, repository__in={target(each.image, target_prefix)[0] for each in found}
        ).values_list("repository", "tag", "digest")
    }
    return [_planned(archive, each, target_prefix, tags, brought, lost) for each in found]


def _planned(
    archive: Archive,
    content: Content,
    prefix: str,
    tags: dict[tuple[str, str], str],
    brought: set[str] | frozenset[str],
    lost: frozenset[str],
) -> Planned:
    where = target(content.image, prefix)
    now = tags.get(where)
    sizes = {digest: archive.places[digest].size for digest in content.blobs if digest in archive.places}
    coming = sum(size for digest, size in sizes.items() if digest not in brought)
    is_here = now == content.digest
    return Planned(
        content=content,
        target_name=where[0],
        target_tag=where[1],
        state=HERE if is_here else OTHER if now else NEW,
        bytes_present=content.size if is_here else content.size - coming,
        missing=tuple(sorted(content.missing & lost)),
    )


def target(image: str, prefix: str) -> tuple[str, str]:
    """Name and tag in the project."""
    name, _, tag = image.rpartition(":")
    return (f"{prefix.strip('/')}/{name}" if prefix.strip("/") else name), tag


def check_whole(archive: Archive, planned: Sequence[Planned]) -> None:
    """Refuse a file that needs content which neither it nor the project has.

    :raises OciError: ``bundle_incomplete``: neither the file nor the project has all that the images need.
    """
    lost = {digest for each in planned for digest in each.missing}
    if lost:
        raise incomplete(archive.name, lost)
