"""What an import would do, without doing it: nothing is written at the target."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import Final

from oci.copy.blob_sums import blob_sums
from oci.copy.context import CopyOptions, ReadContext
from oci.copy.image_reader import ImageReader, SourceImage
from oci.copy.observer import MountProof
from oci.copy.worker_pool import WorkerPool
from oci.errors import Note, OciError
from oci.memory import MemoryBudget
from oci.registry.rate_limit import RateLimit
from oci.registry.repository import Repository
from oci.registry.source import Source
from oci.spec.manifest import Descriptor
from oci.spec.platform import Platform
from oci.spec.selection import platform_names

#: Questions that are asked at once.
_THREADS: Final = 4


@dataclass(frozen=True, slots=True)
class PlannedPlatform:
    """One child of an index, or the image itself. ``size``: of its configuration and layers, in bytes."""

    platform: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """``target_digest``: what the target tag names now. ``bytes_present``: what need not be read from the
    source.
    """

    source_digest: str
    media_type: str
    target_digest: str | None
    platforms: tuple[PlannedPlatform, ...]
    bytes_total: int
    bytes_present: int
    referrers: int
    rate_limit: RateLimit | None
    notes: tuple[Note, ...]
    #: Blobs in all, configurations among them, and how many of them need not be read from the source.
    blobs_total: int = 0
    blobs_present: int = 0
    #: What may be chosen at the source, by the usual names, chosen or not; empty where it names none.
    source_platforms: tuple[str, ...] = ()

    @property
    def bytes_to_transfer(self) -> int:
        return self.bytes_total - self.bytes_present


def make_plan(
    source: Source,
    reference: str,
    target: Repository,
    tag: str,
    *,
    options: CopyOptions,
    mounts: MountProof,
) -> ImportPlan:
    """Read the manifests and ask by HEAD for everything else.

    Manifests that the target has already are read there, so that the source's quota is spared.

    :param reference: tag or digest at the source.
    :param tag: at the target.
    :raises OciError: as an import would.
    """
    with closing(WorkerPool(_THREADS)) as workers:
        context = ReadContext(cancel=target.client.cancel, workers=workers, documents=MemoryBudget())
        reader = ImageReader(source, reference, options, context, at_target=target.find_manifest)
        with closing(reader):
            digest = reader.resolve()
            reader.check_target()
            image = reader.read()
            blobs = list(image.blobs().values())
            presence = _Presence(source, target, mounts)
            present = list(workers.map(presence.has, blobs))
            late = reader.late_mirror()
    head = target.head_manifest(tag)
    return ImportPlan(
        source_digest=digest,
        media_type=image.tree.root.media_type,
        target_digest=head.digest if head is not None else None,
        platforms=planned_platforms(image),
        bytes_total=sum(blob.size for blob in blobs),
        bytes_present=sum(blob.size for blob, there in zip(blobs, present, strict=True) if there),
        referrers=len(image.attached.trees),
        rate_limit=source.rate_limit,
        notes=(*filter(None, [late]), *source.notes),
        blobs_total=len(blobs),
        blobs_present=sum(present),
        source_platforms=_source_platforms(image),
    )


@dataclass(frozen=True, slots=True)
class _Presence:
    """Whether the import would get a blob without reading it from the source, by its own rights."""

    source: Source
    target: Repository
    mounts: MountProof

    def has(self, blob: Descriptor) -> bool:
        if self.target.head_blob(blob.digest) in (blob.size, -1):
            return True
        return any(
            self._may_mount(blob.digest, needs_source_check=candidate.needs_source_check)
            and self._is_in(self.target.sibling(candidate.repository), blob)
            for candidate in self.mounts.candidates(blob.digest)
        )

    def _may_mount(self, digest: str, *, needs_source_check: bool) -> bool:
        return not needs_source_check or self.source.head_blob(digest) is not None

    def _is_in(self, repository: Repository, blob: Descriptor) -> bool:
        try:
            return repository.head_blob(blob.digest) in (blob.size, -1)
        except OciError:
            return False  # Not ours to look at, so not ours to mount from either.


def _source_platforms(image: SourceImage) -> tuple[str, ...]:
    root = image.tree.root
    names = platform_names(root.manifests) if root.is_index else image.platforms
    return tuple(dict.fromkeys(Platform.parse(name).usual for name in names))


def planned_platforms(image: SourceImage) -> tuple[PlannedPlatform, ...]:
    root, sums = image.tree.root, blob_sums(image.tree)
    if not root.is_index:
        name = image.platforms[0] if image.platforms else ""
        return (PlannedPlatform(name, root.digest, sums[root.digest]),)
    found = []
    for child in image.tree.children():
        manifest = image.tree.manifests[child.digest]
        if child.runs_nowhere or manifest.is_index:
            continue
        platform = child.platform
        name = platform.detailed if platform is not None and not platform.is_unknown else ""
        found.append(PlannedPlatform(name, child.digest, sums[child.digest]))
    return tuple(dict.fromkeys(found))
