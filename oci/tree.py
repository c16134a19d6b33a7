"""All manifests of an image: the index, its children, theirs; read once each, children before parents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from oci.errors import OciError, gettext_noop
from oci.limits import CHILDREN, INDEX_DEPTH
from oci.manifest import Descriptor, Manifest

Fetch = Callable[[Descriptor], Manifest]
#: Which children of an index are wanted; sees each index once.
Choose = Callable[[Manifest, int], Sequence[Descriptor]]


@dataclass(slots=True)
class Tree:
    """``manifests`` by digest, each after everything it points to; ``kept`` are the wanted children of each index."""

    root: Manifest
    manifests: dict[str, Manifest] = field(default_factory=dict)
    kept: dict[str, tuple[Descriptor, ...]] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Whether nothing was left out."""
        return all(len(self.kept[digest]) == len(m.manifests) for digest, m in self.manifests.items() if m.is_index)

    def blobs(self) -> dict[str, Descriptor]:
        """What the target needs, by digest; foreign layers stay where they are."""
        return collect_blobs(self.manifests.values())


def collect_blobs(manifests: Iterable[Manifest]) -> dict[str, Descriptor]:
    """Blobs of several manifests, each once.

    :raises OciError: two of them give one digest different sizes.
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
    return found


def everything(index: Manifest, _depth: int) -> Sequence[Descriptor]:
    """Chooses all children."""
    return index.manifests


def read_tree(root: Manifest, *, fetch: Fetch, choose: Choose = everything, parallel: int = 4) -> Tree:
    """Read what ``root`` points to.

    :raises OciError: ``limit_exceeded`` for too many or too deep; whatever ``fetch`` raises.
    """
    tree = Tree(root)
    with ThreadPoolExecutor(max_workers=parallel, thread_name_prefix="manifests") as pool:
        _walk(tree, root, 1, (), fetch, choose, pool)
    return tree


def _walk(
    tree: Tree,
    manifest: Manifest,
    depth: int,
    path: tuple[str, ...],
    fetch: Fetch,
    choose: Choose,
    pool: ThreadPoolExecutor,
) -> None:
    if manifest.digest in tree.manifests:
        return
    if manifest.is_index:
        if depth > INDEX_DEPTH:
            template = gettext_noop("The image has indexes within indexes, more than %(limit)d deep.")
            raise OciError("limit_exceeded", template, limit=INDEX_DEPTH)
        kept = tuple(choose(manifest, depth))
        fresh = {child.digest: child for child in kept if child.digest not in tree.manifests}
        if len(tree.manifests) + len(fresh) > CHILDREN:
            template = gettext_noop("The image has more than %(limit)d manifests.")
            raise OciError("limit_exceeded", template, limit=CHILDREN)
        for child in pool.map(fetch, fresh.values()):
            if child.digest in path or child.digest == manifest.digest:
                raise OciError("unsupported_manifest", gettext_noop("The image contains itself."))
            _walk(tree, child, depth + 1, (*path, manifest.digest), fetch, choose, pool)
        tree.kept[manifest.digest] = kept
    tree.manifests[manifest.digest] = manifest
