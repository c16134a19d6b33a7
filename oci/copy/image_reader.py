"""Reads what an image consists of, for a copy or a plan of one: manifests, platforms, what is attached."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from oci.cancel import CancelToken
from oci.copy.manifest_tree import Tree, collect_blobs, everything, read_tree
from oci.copy.referrers import Referrers, find_attached
from oci.copy.worker_pool import WorkerPool
from oci.errors import OciError
from oci.limits import MANIFEST_BYTES
from oci.memory import MemoryBudget
from oci.registry.faults import digest_differs
from oci.registry.source import Source
from oci.spec.chosen import PlatformChoice
from oci.spec.digest import is_digest
from oci.spec.manifest import Descriptor, Manifest, Platform
from oci.spec.media_types import CONFIG_TYPES
from oci.spec.selection import platform_names, platform_of_config


@dataclass(frozen=True, slots=True)
class Image:
    """Everything of one image. ``contents`` are configurations that were looked into."""

    tree: Tree
    attached: Referrers
    platforms: tuple[str, ...]
    contents: dict[str, bytes]

    def own_blobs(self) -> dict[str, Descriptor]:
        return collect_blobs(self.tree.manifests.values())

    def blobs(self) -> dict[str, Descriptor]:
        """With those of what is attached."""
        return collect_blobs([*self.tree.manifests.values(), *self.attached.manifests()])


class ImageReader:
    """Resolves a reference once, then reads by digest.

    :param at_target: finds a manifest by digest where it may be already (the target): saves the source's quota.
    :param blob_at_target: the same for a small blob, by digest and size.
    :param documents: counts what is kept.
    """

    def __init__(
        self,
        *,
        source: Source,
        repository: str,
        wanted: str,
        platforms: Sequence[str] = (),
        include_referrers: bool = True,
        workers: WorkerPool,
        cancel: CancelToken,
        at_target: Callable[[str], Manifest | None] = lambda _digest: None,
        blob_at_target: Callable[[str, int], bytes | None] = lambda _digest, _size: None,
        documents: MemoryBudget | None = None,
    ) -> None:
        self._source = source
        self._repository = repository
        self._wanted = wanted
        self._platforms = [Platform.parse(each) for each in platforms]
        self._include_referrers = include_referrers
        self._workers = workers
        self._cancel = cancel
        self._near = at_target
        self._near_blob = blob_at_target
        self._documents = documents or MemoryBudget()
        self._lock = threading.Lock()
        self._read: dict[str, Manifest] = {}
        self._contents: dict[str, bytes] = {}
        #: Whether the root is near, and so perhaps its parts.
        self._is_near = False
        #: Whether ``digest`` is what a header said of a tag.
        self._is_said = False
        self.digest = ""

    def resolve(self) -> str:
        """The digest of what is wanted, by HEAD where the registry answers that.

        :raises OciError: ``not_found``, ``unauthorized``, …
        """
        head = self._source.head_manifest(self._repository, self._wanted)
        if is_digest(self._wanted) and head is not None:
            self.digest = self._wanted
        elif head is not None and head.digest is not None:
            self.digest = head.digest
            self._is_said = True
        else:
            self._resolve_by_content()
        return self.digest

    def _resolve_by_content(self) -> None:
        """By the manifest itself, whatever a header says."""
        manifest = self._source.get_manifest(self._repository, self._wanted)
        self._keep(manifest.digest, manifest)
        self.digest = manifest.digest

    def check_target(self) -> None:
        """Whether the image is near; where its root is missing its parts are too, and need not be asked for.
        :meth:`resolve` comes first.
        """
        at_target = self._near(self.digest)
        self._is_near = at_target is not None
        if at_target is not None:
            self._keep(self.digest, at_target)

    def read(self) -> Image:
        """All manifests, verified. :meth:`resolve` comes first."""
        root = self._fetch_root()
        choice = PlatformChoice(self._platforms, fetch=self._fetch, platform_of=self._platform_of)
        if self._platforms and not root.is_index:
            choice.check_image(root)
        choose = choice if self._platforms else everything
        tree = read_tree(root, fetch=self._fetch, choose=choose, workers=self._workers)
        attached = Referrers()
        if self._include_referrers:
            attached = find_attached(
                self._source,
                self._repository,
                tree.manifests.values(),
                fetch=self._fetch,
                keep=self._keep,
                workers=self._workers,
                note=self._source.note,
            )
        return Image(tree, attached, self._names(tree), self._contents)

    def _fetch_root(self) -> Manifest:
        """What the tag names. A digest that only a header named and that is not there is a tag that moved meanwhile, or
        a lie.

        :raises OciError: ``digest_mismatch`` for the lie; ``not_found``, …
        """
        try:
            return self._fetch(self.digest)
        except OciError as error:
            if error.code != "not_found" or not self._is_said:
                raise
        said = self.digest
        if self.resolve() == said:
            self._resolve_by_content()
            if self.digest != said:
                raise digest_differs(self._source.host, said, self.digest).error
        return self._fetch(self.digest)

    def _fetch(self, digest: str) -> Manifest:
        self._cancel.check()
        with self._lock:
            known = self._read.get(digest)
        if known is not None:
            return known
        manifest = self._near(digest) if self._is_near else None
        if manifest is None:
            manifest = self._source.get_manifest(self._repository, digest)
        try:
            self._hold(digest, manifest.weight)
        except OciError:
            del manifest  # Else the error's traceback would keep it, for each thread that meets the limit.
            raise
        with self._lock:
            self._read[digest] = manifest
        return manifest

    def _keep(self, digest: str, manifest: Manifest) -> None:
        """:raises OciError: all that is kept would be too much."""
        self._hold(digest, manifest.weight)
        with self._lock:
            self._read[digest] = manifest

    def _hold(self, digest: str, weight: int) -> None:
        """Count each once."""
        with self._lock:
            known = digest in self._read
        if not known:
            self._documents.hold(weight)

    def _names(self, tree: Tree) -> tuple[str, ...]:
        if tree.root.is_index:
            return platform_names(tree.children())
        platform = self._platform_of(tree.root)
        return (str(platform),) if platform else ()

    def _platform_of(self, image: Manifest) -> Platform | None:
        """What an image's configuration says; None for an artifact."""
        config = image.config
        if config is None or config.media_type not in CONFIG_TYPES or config.size > MANIFEST_BYTES:
            return None
        content = config.data
        if content is None:
            content = self._contents.get(config.digest) or self._near_blob(config.digest, config.size)
        if content is None:
            self._documents.hold(2 * config.size)
            content = self._source.read_blob(self._repository, config.digest, config.size)
            self._contents[config.digest] = content
        return platform_of_config(content)
