"""All manifests of an image: the index, its children, theirs; read once each, children before parents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from oci.copy.worker_pool import WorkerPool
from oci.errors import OciError, gettext_noop
from oci.limits import CHILDREN, INDEX_DEPTH
from oci.memory import MemoryBudget
from oci.spec.manifest import Descriptor, Manifest, check_bytes
from oci.spec.selection import subset_index

Fetch = Callable[[str], Manifest]
#: Which children of an index are wanted; the number is how deep the index is, the outermost 1.
Choose = Callable[[Manifest, int], Sequence[Descriptor]]


@dataclass(slots=True)
class Tree:
    """``manifests`` by digest, each after everything it points to; ``kept`` are the wanted children of each
    index.
    """

    root: Manifest
    manifests: dict[str, Manifest] = field(default_factory=dict)
    kept: dict[str, tuple[Descriptor, ...]] = field(default_factory=dict)
    documents: MemoryBudget = field(default_factory=MemoryBudget)
    #: What was found out already: many indexes may name the same one.
    _whole: dict[str, bool] = field(default_factory=dict)
    _cut: dict[str, Manifest] = field(default_factory=dict)

    def is_whole(self, manifest: Manifest) -> bool:
        """Whether nothing that ``manifest`` names was left out, here or deeper. The tree has been read."""
        if not manifest.is_index:
            return True
        known = self._whole.get(manifest.digest)
        if known is None:
            kept = {child.digest for child in self.kept[manifest.digest]}
            known = all(child.digest in kept for child in manifest.manifests) and all(
                self.is_whole(self.manifests[digest]) for digest in kept
            )
            self._whole[manifest.digest] = known
        return known

    def cut(self, manifest: Manifest) -> Manifest:
        """``manifest`` without what was left out; itself when that is nothing."""
        if self.is_whole(manifest):
            return manifest
        if manifest.digest not in self._cut:
            kept = {child.digest for child in self.kept[manifest.digest]}
            replaced = {digest: self.cut(self.manifests[digest]) for digest in kept}
            self._cut[manifest.digest] = subset_index(manifest, kept, replaced=replaced)
        return self._cut[manifest.digest]

    def children(self) -> list[Descriptor]:
        """The wanted children of all indexes, outermost first."""
        return [child for digest in reversed(self.kept) for child in self.kept[digest]]


def collect_blobs(manifests: Iterable[Manifest]) -> dict[str, Descriptor]:
    """Blobs that a registry must have for these manifests, by digest; foreign layers stay where they are.

    :raises OciError: two manifests give one digest different sizes, or all of them together claim more than any
        registry holds (``limit_exceeded``).
    """
    found: dict[str, Descriptor] = {}
    for manifest in manifests:
        for blob in manifest.blobs:
            known = found.setdefault(blob.digest, blob)
            if known.size != blob.size:
                template = gettext_noop("The image gives %(digest)s two different sizes.")
                raise OciError("unsupported_manifest", template, digest=blob.digest)
            if blob.data is not None and known.data is None:
                found[blob.digest] = blob
    check_bytes(sum(blob.size for blob in found.values()))
    return found


def everything(index: Manifest, _depth: int) -> Sequence[Descriptor]:
    """Chooses all children."""
    return index.manifests


def read_tree(root: Manifest, *, fetch: Fetch, workers: WorkerPool, choose: Choose = everything) -> Tree:
    """Read what ``root`` points to.

    :raises OciError: ``limit_exceeded`` for too many, too deep or too large; whatever ``fetch`` raises.
    """
    tree = Tree(root)
    tree.documents.hold(root.weight)
    _Walk(tree, fetch, choose, workers).visit(root, 1)
    return tree


def _too_deep() -> OciError:
    template = gettext_noop("The image has indexes within indexes, more than %(limit)d deep.")
    return OciError("limit_exceeded", template, limit=INDEX_DEPTH)


@dataclass(slots=True)
class _Walk:
    tree: Tree
    fetch: Fetch
    choose: Choose
    workers: WorkerPool
    #: How many indexes deep each manifest is below itself: one that several name may be deeper than where it was met.
    heights: dict[str, int] = field(default_factory=dict)

    def visit(self, manifest: Manifest, depth: int) -> None:
        tree = self.tree
        if manifest.digest in tree.manifests:
            return
        if manifest.is_index:
            if depth > INDEX_DEPTH:
                raise _too_deep()
            kept = tuple({child.digest: child for child in self.choose(manifest, depth)}.values())
            self._visit_children(kept, depth)
            height = 1 + max((self.heights.get(child.digest, 0) for child in kept), default=0)
            if height > INDEX_DEPTH:
                raise _too_deep()
            self.heights[manifest.digest] = height
            tree.kept[manifest.digest] = kept
        tree.manifests[manifest.digest] = manifest

    def _visit_children(self, kept: Sequence[Descriptor], depth: int) -> None:
        tree = self.tree
        fresh = [child.digest for child in kept if child.digest not in tree.manifests]
        if len(tree.manifests) + len(fresh) > CHILDREN:
            template = gettext_noop("The image has more than %(limit)d manifests.")
            raise OciError("limit_exceeded", template, limit=CHILDREN)
        # A batch at a time, so that what is read ahead stays within the limit of size.
        for start in range(0, len(fresh), 16):
            for child in self.workers.map(self.fetch, fresh[start : start + 16]):
                tree.documents.hold(child.weight)
                self.visit(child, depth + 1)
