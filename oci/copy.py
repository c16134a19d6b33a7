"""One image from one registry to another, in phases: sign in, blobs, target reference, manifests, the tag last.

Whatever fails before the tag is put leaves the target's tag as it was. The tag is resolved once; everything after goes
by digest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from oci.cancel import CancelToken
from oci.client import RegistryClient
from oci.digest import is_digest
from oci.errors import OciError, gettext_noop
from oci.ladder import Ladder
from oci.limits import READ_BACK_SECONDS, STALL_SECONDS
from oci.manifest import Descriptor, Manifest
from oci.observer import (
    BlobFlights,
    CopyObserver,
    LayerPlan,
    LocalFlights,
    MountProof,
    NoMounts,
    OneAtATime,
    Silent,
)
from oci.tree import Tree, collect_blobs, read_tree

_READ_BACK_PAUSE: Final = 0.5


@dataclass(frozen=True, slots=True)
class CopyResult:
    """What the target has now.

    :param digest: what the target tag names.
    :param source_digest: what the source's reference named; differs when platforms were chosen.
    :param size: sum of the distinct blobs of the image, in bytes.
    """

    digest: str
    source_digest: str
    media_type: str
    size: int
    platforms: tuple[str, ...]
    bytes_total: int
    notes: tuple[str, ...] = field(default=())


class ImageCopier:
    """Call :meth:`sign_in`, :meth:`pull`, :meth:`tag`, :meth:`push` in this order, and :meth:`cleanup` whatever happened.

    :param wanted: tag or digest at the source.
    :param platforms: empty for all.
    :param confirm: called right before the tag is put; raises when this attempt has lost its right to.
    """

    def __init__(
        self,
        *,
        source: RegistryClient,
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
        mounts: MountProof | None = None,
        confirm: Callable[[], None] = lambda: None,
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        self._source = source
        self._source_repository = source_repository
        self._wanted = wanted
        self._target = target
        self._repository = target_repository
        self._tag = target_tag
        self._platforms = tuple(platforms)
        self._include_referrers = include_referrers
        self._overwrite = overwrite
        self._parallel = parallel_blobs
        self._observer: CopyObserver = OneAtATime(observer or Silent())
        self._cancel = cancel or CancelToken()
        self._confirm = confirm
        self.source_digest = ""
        self._root: Manifest | None = None
        self._tree: Tree | None = None
        self._blobs: dict[str, Descriptor] = {}
        self._ladder = Ladder(
            source=source,
            source_repository=source_repository,
            has_at_source=lambda digest: source.head_blob(source_repository, digest) is not None,
            target=target,
            target_repository=target_repository,
            observer=self._observer,
            cancel=self._cancel,
            flights=flights or LocalFlights(),
            mounts=mounts or NoMounts(),
            parallel=parallel_blobs,
            stall_seconds=stall_seconds,
        )

    def sign_in(self) -> None:
        """Reach both registries and resolve what is wanted to a digest."""
        self._source.ping()
        self._target.ping()
        head = self._source.head_manifest(self._source_repository, self._wanted)
        if head is None or head.digest is None:
            self._root = self._source.get_manifest(self._source_repository, self._wanted)
            self.source_digest = self._root.digest
        else:
            self.source_digest = head.digest
        if is_digest(self._wanted):
            self.source_digest = self._wanted

    def pull(self) -> None:
        """Read the manifests, then bring every blob to the target."""
        root = self._root or self._source.get_manifest(self._source_repository, self.source_digest)
        self._tree = read_tree(root, fetch=self._fetch, parallel=self._parallel)
        self._blobs = collect_blobs(self._tree.manifests.values())
        self._observer.layers([LayerPlan(b.digest, b.size, b.media_type) for b in self._blobs.values()])
        self._ladder.bring(self._blobs.values())

    def _fetch(self, child: Descriptor) -> Manifest:
        self._cancel.check()
        return self._source.get_manifest(self._source_repository, child.digest)

    def tag(self) -> None:
        """Fix the target reference.

        :raises OciError: ``tag_exists`` when it names something else and may not be overwritten.
        """
        assert self._tree is not None
        if self._overwrite:
            return
        head = self._target.head_manifest(self._repository, self._tag)
        if head is not None and head.digest != self._tree.root.digest:
            template = gettext_noop("The tag %(tag)s exists already and names another image.")
            raise OciError("tag_exists", template, tag=self._tag)

    def push(self) -> CopyResult:
        """Put the manifests by digest, children first, then the tag; read it back and compare."""
        assert self._tree is not None
        root = self._tree.root
        for manifest in self._tree.manifests.values():
            self._cancel.check()
            self._target.put_manifest(self._repository, manifest.digest, manifest)
        self._cancel.check()
        self._confirm()
        self._target.put_manifest(self._repository, self._tag, root)
        self._read_back(root)
        return CopyResult(
            digest=root.digest,
            source_digest=self.source_digest,
            media_type=root.media_type,
            size=sum(blob.size for blob in self._blobs.values()),
            platforms=tuple(str(child.platform) for child in root.manifests if child.platform and not child.platform.is_unknown),
            bytes_total=sum(blob.size for blob in self._blobs.values()),
            notes=tuple(self._source.notes),
        )

    def _read_back(self, root: Manifest) -> None:
        deadline = time.monotonic() + READ_BACK_SECONDS
        while True:
            head = self._target.head_manifest(self._repository, self._tag)
            if head is not None and head.digest in (root.digest, None):
                return
            if time.monotonic() > deadline:
                template = gettext_noop("The target registry %(host)s does not show the tag %(tag)s as it was put.")
                raise OciError("target_error", template, retryable=True, host=self._target.host, tag=self._tag)
            self._cancel.wait(_READ_BACK_PAUSE)

    def cleanup(self) -> None:
        """Delete upload sessions that were left open. Always safe to call, also after a cancel."""
        left = self._target.open_uploads.take_all()
        if not left:
            return
        client = self._target.detached()
        for upload in left:
            upload.session = client.session
            upload.delete()
        client.close()
