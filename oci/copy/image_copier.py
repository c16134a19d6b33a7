"""One image from registry to registry, in phases: sign in, blobs, target reference, manifests, the tag last.

Whatever fails before the tag is put leaves the target's tag as it was. The tag is resolved once; everything
after goes by digest.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

from oci.copy.blob_copier import BlobCopier
from oci.copy.candidate import Candidate
from oci.copy.context import CopyContext, CopyOptions
from oci.copy.image_info import ImageInfo, blob_platforms, describe
from oci.copy.image_reader import ImageReader, SourceImage
from oci.copy.observer import LayerPlan
from oci.copy.publisher import Publisher
from oci.copy.referrers_publisher import ReferrersPublisher
from oci.copy.signatures.finding import subject_of
from oci.copy.signatures.places import AtRepository
from oci.errors import Note, OciError
from oci.registry import manifests
from oci.registry.faults import TAG_EXISTS, TAG_PROTECTED, RegistryError, RetryableError
from oci.registry.repository import Repository
from oci.registry.source import Source
from oci.registry.uploads import KeptUpload, Upload
from oci.spec.manifest import Manifest

log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CopyResult:
    """What the target has now.

    :param source_digest: what the source's reference named; differs when platforms were chosen.
    :param referrers: how many signatures, SBOMs and the like came along.
    :param notes: sentences that people should see: about a mirror that is behind, about what is attached at the target.
    """

    image: ImageInfo
    source_digest: str
    referrers: int = 0
    notes: tuple[Note, ...] = ()


class ImageCopier:
    """Call :meth:`sign_in`, :meth:`pull`, :meth:`tag`, :meth:`push` in this order, and :meth:`cleanup`
    whatever happened.

    :param reference: tag or digest at the source.
    :param tag: at the target.
    :param context: of this copy alone; its workers end with it.
    :raises OciError: ``invalid_reference`` for a malformed platform.
    """

    def __init__(
        self,
        source: Source,
        reference: str,
        target: Repository,
        tag: str,
        *,
        options: CopyOptions,
        context: CopyContext,
    ) -> None:
        self._target = target
        self._tag = tag
        self._overwrite = options.overwrite
        self._resumption = context.resumption
        self._observer = context.observer
        self._judge = context.checks.judge
        self._gate = context.reading.gate
        self._workers = context.reading.workers
        self._image: SourceImage | None = None
        self._reader = ImageReader(
            source,
            reference,
            options,
            context.reading,
            at_target=self._manifest_at_target,
            blob_at_target=self._blob_at_target,
        )
        self._blob_copier = BlobCopier(source, target, context)
        self._publisher = Publisher(
            target,
            cancel=context.reading.cancel,
            workers=context.reading.workers,
            confirm_lease=context.checks.confirm_lease,
            bring=self._blob_copier.bring_again,
        )
        self._referrers = ReferrersPublisher(
            target, self._publisher, context.sharing.announcements, options.overwrite
        )

    @property
    def source_digest(self) -> str:
        """What the source's reference names; empty before :meth:`sign_in`."""
        return self._reader.digest

    def sign_in(self) -> None:
        """Reach both registries and resolve the reference to a digest, by questions that the copy needs answered
        anyway: most images are small, and each further question is felt.
        """
        if self._resumption.target_is_new:
            self._reader.resolve(by_content=True)
        else:
            self._reader.resolve(guess=self._guess())
        self._reader.check_target()

    def _guess(self) -> str:
        """What the source's reference names if nothing has moved since the last import: what the target's tag does.
        Whether the target can be asked at all shows the next question.
        """
        try:
            head = self._target.once(manifests.head, self._tag)
        except (RetryableError, OciError):
            return ""
        return (head.digest or "") if head is not None else ""

    def pull(self) -> None:
        """Read the manifests, then bring every blob to the target."""
        image = self._image = self._reader.read()
        blobs = image.blobs()
        self._judge(self._candidate(image, sum(blob.size for blob in blobs.values())))
        self._blob_copier.has_image = self._reader.is_at_target
        self._blob_copier.contents = image.contents
        self._blob_copier.await_content = image.await_content
        platforms = blob_platforms(image.tree, image.attached)
        layers = [
            LayerPlan(each.digest, each.size, each.media_type, platforms[each.digest])
            for each in blobs.values()
        ]
        self._observer.layers(layers)
        self._blob_copier.bring(blobs.values())
        image.names.result()  # A configuration that can't be read ends the import here, before anything is put.

    def tag(self, *, protected: bool = False) -> None:
        """Fix the target reference.

        :param protected: the tag may not change at all.
        :raises OciError: ``tag_exists`` when it names something else and may not be overwritten; ``tag_protected``.
        """
        if self._overwrite and not protected:
            return
        tree = self._pulled().tree
        found = self._target.find_manifest(self._tag)
        if found is not None and found.digest not in (tree.root.digest, tree.cut(tree.root).digest):
            if protected:
                raise OciError("tag_protected", TAG_PROTECTED, tag=self._tag)
            raise OciError("tag_exists", TAG_EXISTS, tag=self._tag)

    def push(self) -> CopyResult:
        """Put the manifests by digest, what is attached, then the tag; read back and compare."""
        image = self._pulled()
        root = self._publisher.put_image(image.tree)
        self._referrers.attach(image.attached)
        self._publisher.check_blobs(
            each for each in image.blobs().values() if not self._blob_copier.was_seen(each.digest)
        )
        self._referrers.check(image.attached)
        if self._gate is not None:
            self._gate.confirm(subject_of(image.tree), AtRepository(self._target))
        late = self._reader.late_mirror()
        self._publisher.put_tag(self._tag, root)
        return CopyResult(
            describe(image.tree, root, image.platforms),
            self.source_digest,
            referrers=len(image.attached.trees),
            notes=(*filter(None, [late]), *self._referrers.notes),
        )

    def keep_uploads(self) -> dict[str, KeptUpload]:
        """Instead of deleting them: what was under way at the target, by the blob's digest, for a later attempt."""
        self._reader.close()
        self._workers.close()
        uploads = self._target.client.open_uploads
        left = uploads.take_all()
        for spoiled in (each for each in left if each.spoiled):
            uploads.add(spoiled)  # Only good for being deleted.
        return {each.digest: each.keep() for each in left if not each.spoiled}

    def cleanup(self) -> None:
        """End all threads, and delete upload sessions that were left open. Always safe to call, also after a
        cancel.
        """
        self._reader.close()
        self._workers.close()
        left = self._target.client.open_uploads.take_all()
        if not left:
            return
        client = self._target.client.detached()
        for upload in left:
            upload.session = client.session
        with ThreadPoolExecutor(max_workers=len(left), thread_name_prefix="cleanup") as pool:
            deleted = list(pool.map(Upload.delete, left))
        client.close()
        if not all(deleted):
            log.warning("%s keeps %d upload sessions of ours", self._target.host, deleted.count(False))

    def _candidate(self, image: SourceImage, bytes_total: int) -> Candidate:
        return Candidate(
            digest=self.source_digest,
            bytes_total=bytes_total,
            platforms=partial(self._reader.platforms, image.tree),
            created=partial(self._reader.created, image.tree),
            tree=image.tree,
        )

    def _pulled(self) -> SourceImage:
        if self._image is None:
            raise RuntimeError("pull() comes first")
        return self._image

    def _manifest_at_target(self, digest: str) -> Manifest | None:
        """A manifest that the target has, which spares the source: it is named by its content."""
        try:
            return self._target.find_manifest(digest)
        except OciError as error:
            if error.code in {"digest_mismatch", "unsupported_manifest"}:
                return None  # Spoilt there: the source has it whole, and it will be put again.
            raise

    def _blob_at_target(self, digest: str, size: int) -> bytes | None:
        if not (self._reader.is_at_target or self._resumption.goes_on):
            return None  # A new image's is hardly there: the question that begins its upload will tell.
        try:
            return self._target.read_blob(digest, size)
        except RegistryError as refusal:
            if refusal.status != 404:
                raise
            self._blob_copier.missing.add(digest)
            return None
        except OciError as error:
            if error.code == "digest_mismatch":
                return None  # As above.
            raise
