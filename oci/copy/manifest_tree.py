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
    index, each once.
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
        """All entries that name wanted children, of all indexes, outermost first. One child may have several, each for
        another platform.
        """
        return [child for digest in reversed(self.kept) for child in self.entries(self.manifests[digest])]

    def entries(self, index: Manifest) -> list[Descriptor]:
        """Those of one index that name its wanted children; none of an image."""
        kept = {child.digest for child in self.kept.get(index.digest, ())}
        return [child for child in index.manifests if child.digest in kept]


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
                template = gettext_noop("The image declares two different sizes for %(digest)s.")
                raise OciError("unsupported_manifest", template, digest=blob.digest)
            if blob.data is not None and known.data is None:
                found[blob.digest] = blob
    check_bytes(sum(blob.size for blob in found.values()))
    return found


def everything(index: Manifest, _depth: int) -> Sequence[Descriptor]:
    """Chooses all children."""
    return index.manifests


def read_tree(
    root: Manifest,
    *,
    fetch: Fetch,
    workers: WorkerPool,
    choose: Choose = everything,
    asked: Callable[[Sequence[str]], None] = lambda _digests: None,
) -> Tree:
    """Read what ``root`` points to.

    :param asked: told of digests that are wanted and asked for already.
    :raises OciError: ``limit_exceeded`` for too many, too deep or too large; whatever ``fetch`` raises.
    """
    tree = Tree(root)
    tree.documents.reserve(root.cost)
    _Walk(tree, fetch, choose, workers, asked).visit(root, 1)
    return tree


def _too_deep() -> OciError:
    template = gettext_noop("The image nests indexes more than %(limit)d levels deep.")
    return OciError("limit_exceeded", template, limit=INDEX_DEPTH)


@dataclass(slots=True)
class _Walk:
    tree: Tree
    fetch: Fetch
    choose: Choose
    workers: WorkerPool
    asked: Callable[[Sequence[str]], None]
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
            batch = fresh[start : start + 16]
            children = self.workers.map(self.fetch, batch)
            self.asked(batch)
            for child in children:
                tree.documents.reserve(child.cost)
                self.visit(child, depth + 1)
