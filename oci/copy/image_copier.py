"""One image from registry to registry, in phases: sign in, blobs, target reference, manifests, the tag last.

Whatever fails before the tag is put leaves the target's tag as it was. The tag is resolved once; everything
after goes by digest.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from oci.cancel import CancelToken
from oci.copy import announcements as announced
from oci.copy.announcements import Announcements
from oci.copy.blob_copier import BlobCopier
from oci.copy.blob_sums import blob_sums
from oci.copy.image_reader import Image, ImageReader
from oci.copy.manifest_tree import Tree
from oci.copy.observer import (
    BlobFlights,
    CopyObserver,
    LayerPlan,
    LocalFlights,
    MountProof,
    NoMounts,
    OneAtATime,
    Silent,
)
from oci.copy.publisher import Publisher
from oci.copy.referrers_publisher import Attaching
from oci.copy.worker_pool import WorkerPool
from oci.errors import Note, OciError, gettext_noop
from oci.limits import STALL_SECONDS
from oci.memory import MemoryBudget
from oci.registry.client import RegistryClient
from oci.registry.source import Source
from oci.registry.uploads import Upload
from oci.spec.manifest import Manifest

log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Child:
    """An image that an index names. ``size``: of its distinct blobs, in bytes; ``platform`` is empty where it
    names none.
    """

    platform: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class CopyResult:
    """What the target has now.

    :param digest: what the target tag names.
    :param source_digest: what the source's reference named; differs when platforms were chosen.
    :param size: sum of the distinct blobs of the image, in bytes.
    :param bytes_total: with those of what is attached to it.
    :param referrers: how many signatures, SBOMs and the like came along.
    :param notes: sentences that people should see.
    :param attaching_notes: those of them that are about what is attached at the target.
    """

    digest: str
    source_digest: str
    media_type: str
    size: int
    platforms: tuple[str, ...]
    bytes_total: int
    artifact_type: str = ""
    children: tuple[Child, ...] = ()
    referrers: int = 0
    notes: tuple[Note, ...] = ()
    attaching_notes: tuple[Note, ...] = ()


class ImageCopier:
    """Call :meth:`sign_in`, :meth:`pull`, :meth:`tag`, :meth:`push` in this order, and :meth:`cleanup`
    whatever happened.

    :param wanted: tag or digest at the source.
    :param platforms: ``linux/amd64`` and the like; empty for all.
    :param observer: told what happens; an :class:`OciError` that it raises in ``layers`` ends the import.
    :param flight_scope: which imports may wait for each other's blobs (see :class:`oci.copy.blob_copier.BlobCopier`).
    :param announcements: shared by all who import into the target; else by this process.
    :param confirm: called right before the tag is put; raises when this attempt has lost its right to.
    :param documents: shared with the clients; counts what is kept in memory.
    :raises OciError: ``invalid_reference`` for a malformed platform.
    """

    def __init__(
        self,
        *,
        source: Source,
        source_repository: str,
        wanted: str,
        target: RegistryClient,
        target_repository: str,
        target_tag: str,
        platforms: Sequence[str] = (),
        include_referrers: bool = True,
        overwrite: bool = True,
        parallel_blobs: int = 4,
        observer: CopyObserver | None = None,
        cancel: CancelToken | None = None,
        flights: BlobFlights | None = None,
        flight_scope: str = "",
        announcements: Announcements | None = None,
        mounts: MountProof | None = None,
        confirm: Callable[[], None] = lambda: None,
        stall_seconds: float = STALL_SECONDS,
        documents: MemoryBudget | None = None,
    ) -> None:
        self._source = source
        self._target = target
        self._repository = target_repository
        self._tag = target_tag
        self._overwrite = overwrite
        self._observer: CopyObserver = OneAtATime(observer or Silent())
        self._cancel = cancel or CancelToken()
        self._confirm = confirm
        self._image: Image | None = None
        self._workers = WorkerPool(parallel_blobs)
        self._reader = ImageReader(
            source=source,
            repository=source_repository,
            wanted=wanted,
            platforms=platforms,
            include_referrers=include_referrers,
            workers=self._workers,
            cancel=self._cancel,
            at_target=self._manifest_at_target,
            blob_at_target=self._blob_at_target,
            documents=documents,
        )
        self._blob_copier = BlobCopier(
            source=source,
            source_repository=source_repository,
            has_at_source=lambda digest: source.head_blob(source_repository, digest) is not None,
            target=target,
            target_repository=target_repository,
            observer=self._observer,
            cancel=self._cancel,
            flights=flights or LocalFlights(),
            flight_scope=flight_scope,
            mounts=mounts or NoMounts(),
            workers=self._workers,
            stall_seconds=stall_seconds,
        )
        self._publisher = Publisher(
            target, target_repository, self._cancel, self._blob_copier.bring_again, self._workers
        )
        self._attaching = Attaching(
            target=target,
            repository=target_repository,
            cancel=self._cancel,
            workers=self._workers,
            put=self._publisher.put,
            bring=self._blob_copier.bring_again,
            lost=self._publisher.lost,
            overwrite=overwrite,
            announcements=announcements or announced.LOCAL,
        )

    @property
    def source_digest(self) -> str:
        """What the source's reference names; empty before :meth:`sign_in`."""
        return self._reader.digest

    def sign_in(self) -> None:
        """Reach both registries and resolve what is wanted to a digest, by questions that the copy needs answered
        anyway: most images are small, and each further question is felt.
        """
        self._reader.resolve()
        self._reader.check_target()

    def pull(self) -> None:
        """Read the manifests, then bring every blob to the target."""
        image = self._image = self._reader.read()
        blobs = image.blobs()
        self._blob_copier.contents.update(image.contents)
        self._observer.layers([LayerPlan(each.digest, each.size, each.media_type) for each in blobs.values()])
        self._blob_copier.bring(blobs.values())

    def tag(self) -> None:
        """Fix the target reference.

        :raises OciError: ``tag_exists`` when it names something else and may not be overwritten.
        """
        if self._overwrite:
            return
        tree = self._pulled().tree
        found = self._target.find_manifest(self._repository, self._tag)
        if found is not None and found.digest not in (tree.root.digest, tree.cut(tree.root).digest):
            template = gettext_noop("The tag %(tag)s exists already and names another image.")
            raise OciError("tag_exists", template, tag=self._tag)

    def push(self) -> CopyResult:
        """Put the manifests by digest, what is attached, then the tag; read back and compare."""
        image = self._pulled()
        root = self._publisher.put_image(image.tree)
        self._attaching.attach(image.attached)
        blobs = image.blobs()
        self._publisher.check_blobs(blobs.values())
        self._attaching.check(image.attached)
        self._publisher.put_tag(self._tag, root, self._confirm)
        return CopyResult(
            digest=root.digest,
            source_digest=self.source_digest,
            media_type=root.media_type,
            size=sum(blob.size for blob in image.own_blobs().values()),
            platforms=image.platforms,
            bytes_total=sum(blob.size for blob in blobs.values()),
            artifact_type=root.artifact,
            children=_children(root, image.tree),
            referrers=len(image.attached.trees),
            notes=(*self._attaching.notes, *self._source.notes),
            attaching_notes=tuple(self._attaching.notes),
        )

    def cleanup(self) -> None:
        """End all threads, and delete upload sessions that were left open. Always safe to call, also after a
        cancel.
        """
        self._workers.close()
        left = self._target.open_uploads.take_all()
        if not left:
            return
        client = self._target.detached()
        for upload in left:
            upload.session = client.session
        with ThreadPoolExecutor(max_workers=len(left), thread_name_prefix="cleanup") as pool:
            deleted = list(pool.map(Upload.delete, left))
        client.close()
        if not all(deleted):
            log.warning("%s keeps %d upload sessions of ours", self._target.host, deleted.count(False))

    def _pulled(self) -> Image:
        if self._image is None:
            raise RuntimeError("pull() comes first")
        return self._image

    def _manifest_at_target(self, digest: str) -> Manifest | None:
        """A manifest that the target has, which spares the source: it is named by its content."""
        try:
            return self._target.find_manifest(self._repository, digest)
        except OciError as error:
            if error.code in {"digest_mismatch", "unsupported_manifest"}:
                return None  # Spoilt there: the source has it whole, and it will be put again.
            raise

    def _blob_at_target(self, digest: str, size: int) -> bytes | None:
        try:
            found = self._target.head_blob(self._repository, digest)
            if found is None:
                self._blob_copier.missing.add(digest)
            if found != size:
                return None
            return self._target.read_blob(self._repository, digest, size)
        except OciError as error:
            if error.code == "digest_mismatch":
                return None  # As above.
            raise


def _children(published: Manifest, tree: Tree) -> tuple[Child, ...]:
    """What the published index names, attestations aside, each platform once. Nested indexes count with all below
    them, and under the digest that they have at the target, which is another one than at the source where platforms
    were left out.
    """
    source = {digest: digest for digest in tree.manifests}
    for child in tree.kept.get(tree.root.digest, ()):
        source.setdefault(tree.cut(tree.manifests[child.digest]).digest, child.digest)
    sums = blob_sums(tree)
    named = [
        Child(
            str(child.platform) if child.platform and not child.platform.is_unknown else "",
            child.digest,
            sums[source[child.digest]],
        )
        for child in published.manifests
        if child.digest in source and not child.is_attestation
    ]
    return tuple(dict.fromkeys(named))
