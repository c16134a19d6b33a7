"""What belongs to an image without being part of it: signatures, SBOMs, attestations.

Found by the referrers API (or the tag that stands in for it) and by cosign's tags, for the image and each of
its children; what is found may have referrers of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from oci.copy.manifest_tree import Fetch, Tree, read_tree
from oci.copy.worker_pool import WorkerPool
from oci.errors import Note, OciError, gettext_noop
from oci.limits import CHILDREN
from oci.registry.client import referrers_tag
from oci.registry.source import Source
from oci.spec.manifest import Descriptor, Manifest

_LEFT_OUT: Final = gettext_noop("Something attached to the image was left out: %(reason)s")
COSIGN_SUFFIXES: Final = (".sig", ".att", ".sbom")
_ATTACHMENT_TAG: Final = re.compile(
    r"sha(?:256-[0-9a-f]{64}|512-[0-9a-f]{128})(?:\.(?:sig|att|sbom))?", re.ASCII
)
#: A signature of an SBOM of an image is two deep.
_DEPTH: Final = 3
#: Refusals that mean "not for you" or "not here": what is attached is then left out, with a note.
_SKIPPED: Final = frozenset(
    {"not_found", "unauthorized", "forbidden", "unsupported_manifest", "limit_exceeded"}
)


def is_attachment_tag(tag: str) -> bool:
    """Whether a tag only holds what is attached to an image: cosign's, or the stand-in for the referrers API
    (OCI distribution spec 1.1, "Referrers Tag Schema")."""
    return _ATTACHMENT_TAG.fullmatch(tag) is not None


@dataclass(slots=True)
class Referrers:
    """``trees`` in the order to push them; ``tags`` by name; ``by_subject``: who refers to a digest."""

    trees: dict[str, Tree] = field(default_factory=dict)
    tags: dict[str, Manifest] = field(default_factory=dict)
    by_subject: dict[str, tuple[Descriptor, ...]] = field(default_factory=dict)

    def manifests(self) -> list[Manifest]:
        """All manifests, each after what it points to and refers to."""
        found = {m.digest: m for tree in self.trees.values() for m in tree.manifests.values()}
        return list(found.values())


def find_attached(
    source: Source,
    repository: str,
    subjects: Iterable[Manifest],
    *,
    fetch: Fetch,
    keep: Callable[[str, Manifest], None],
    workers: WorkerPool,
    note: Callable[[Note], None],
) -> Referrers:
    """Everything that refers to ``subjects``.

    :param keep: takes what was read in another way than by ``fetch``.
    :param note: told of what was left out because it cannot be read.
    :raises OciError: faults that another attempt may cure.
    """
    finder = _Finder(source, repository, fetch, keep, note, workers, Referrers())
    level = [manifest.digest for manifest in subjects]
    seen = set(level)
    for tag, manifest in workers.map(finder.by_tag, _cosign_tags(level)):
        if manifest is not None and finder.add(manifest.digest, manifest):
            finder.attached.tags[tag] = manifest
    for _ in range(_DEPTH):
        found = dict(zip(level, workers.map(finder.referrers, level), strict=True))
        level = []
        for subject, descriptors in found.items():
            kept = tuple(each for each in descriptors if finder.add(each.digest))
            if kept:
                finder.attached.by_subject[subject] = kept
            level += [each.digest for each in kept if each.digest not in seen]
            seen.update(level)
        if not level:
            break
    return finder.attached


def _cosign_tags(digests: Iterable[str]) -> list[str]:
    return [referrers_tag(digest) + suffix for digest in digests for suffix in COSIGN_SUFFIXES]


@dataclass(slots=True)
class _Finder:
    source: Source
    repository: str
    fetch: Fetch
    keep: Callable[[str, Manifest], None]
    note: Callable[[Note], None]
    workers: WorkerPool
    attached: Referrers

    def by_tag(self, tag: str) -> tuple[str, Manifest | None]:
        """A cosign tag's manifest; asked for by HEAD first, which costs no quota."""
        try:
            head = self.source.head_manifest(self.repository, tag)
            if head is None:
                return tag, None
            if head.digest is not None:
                return tag, self.fetch(head.digest)
            found = self.source.find_manifest(self.repository, tag)
            if found is not None:
                self.keep(found.digest, found)
            return tag, found
        except OciError as error:
            self._skip(error)
            return tag, None

    def referrers(self, digest: str) -> tuple[Descriptor, ...]:
        try:
            return self.source.referrers(self.repository, digest)
        except OciError as error:
            self._skip(error)
            return ()

    def add(self, digest: str, manifest: Manifest | None = None) -> bool:
        """Read one attached manifest with all that it needs; whether it can be copied."""
        if digest in self.attached.trees:
            return True
        if len(self.attached.trees) >= CHILDREN:
            return False
        try:
            self.attached.trees[digest] = read_tree(
                manifest or self.fetch(digest), fetch=self.fetch, workers=self.workers
            )
        except OciError as error:
            self._skip(error)
            return False
        return True

    def _skip(self, error: OciError) -> None:
        if error.code not in _SKIPPED:
            raise error
        self.note((_LEFT_OUT, {"reason": str(error)}))
