"""What belongs to an image without being part of it: signatures, SBOMs, attestations.

Found by the referrers API (or the tag that stands in for it) and by cosign's tags, for the image and each of
its children; what is found may have referrers of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from typing import Final

from oci.copy.manifest_tree import Fetch, Tree, read_tree
from oci.copy.worker_pool import WorkerPool
from oci.errors import OciError, gettext_noop
from oci.limits import CHILDREN
from oci.registry.manifests import ManifestHead
from oci.registry.repository import referrers_tag
from oci.registry.source import Source
from oci.spec.manifest import Descriptor, Manifest

_LEFT_OUT: Final = gettext_noop("Some content that belongs to the image was not imported: %(reason)s")
COSIGN_SUFFIXES: Final = (".sig", ".att", ".sbom")
#: Also understood by the databases, as ``^…$``.
ATTACHMENT_TAG: Final = r"sha(?:256-[0-9a-f]{64}|512-[0-9a-f]{128})(?:\.(?:sig|att|sbom))?"
_ATTACHMENT_TAG: Final = re.compile(ATTACHMENT_TAG, re.ASCII)
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


def is_attached(tag: str, digest: str) -> bool:
    """Whether a tag on this digest only holds what is attached to another image: one may be named by its own digest."""
    return is_attachment_tag(tag) and subject_of_tag(tag) != digest


def subject_of_tag(tag: str) -> str:
    """The digest that a tag such as ``sha256-<hex>.sig`` is attached to."""
    return tag.partition(".")[0].replace("-", ":", 1)


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
    subjects: Iterable[Manifest],
    *,
    lookups: Lookups,
    fetch: Fetch,
    workers: WorkerPool,
) -> Referrers:
    """Everything that refers to ``subjects``. What is left out because it cannot be read is noted at the source.

    :raises OciError: faults that another attempt may cure.
    """
    finder = _Finder(source, lookups, fetch, workers, Referrers())
    level = [manifest.digest for manifest in subjects]
    seen = set(level)
    lookups.ask(level)
    for digest in level:
        for tag, manifest in finder.tagged(digest):
            if finder.add(manifest.digest, manifest):
                finder.attached.tags[tag] = manifest
    for _ in range(_DEPTH):
        lookups.ask_referrers(level)
        asked = {digest: lookups.referrers(digest) for digest in level}
        found = {digest: finder.referrers(asked[digest]) for digest in level}
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


class Lookups:
    """Questions about what is attached, put as soon as a digest is known, beside whatever else is asked; the answers
    are taken when they are needed. Of one thread, which is not one of the workers.

    :param keep: takes what was read in another way than by ``fetch``.
    """

    def __init__(
        self, source: Source, fetch: Fetch, keep: Callable[[str, Manifest], None], workers: WorkerPool
    ) -> None:
        self._source = source
        self._fetch = fetch
        self._keep = keep
        self._workers = workers
        self._tagged: dict[str, list[tuple[str, Future[Manifest | None]]]] = {}
        self._by_api: dict[str, Future[tuple[Descriptor, ...] | None]] = {}
        self._heads: dict[str, Future[ManifestHead | None]] = {}
        self._found: dict[str, Future[tuple[Descriptor, ...]]] = {}

    def ask(self, digests: Iterable[str]) -> None:
        """What is under cosign's tags of each, and what refers to it."""
        for digest in digests:
            if digest not in self._tagged:
                tags = [referrers_tag(digest) + suffix for suffix in COSIGN_SUFFIXES]
                self._tagged[digest] = [(tag, self._workers.begin(self._by_tag, tag)) for tag in tags]
                self.ask_referrers([digest])

    def ask_referrers(self, digests: Iterable[str]) -> None:
        """What refers to each. While it is unknown whether the source answers that, the tag that stands in for it is
        asked for as well, or two questions would follow one another.
        """
        for digest in digests:
            if digest not in self._by_api:
                wait(list(self._by_api.values())[:1])  # That answer tells of all others.
                self._by_api[digest] = self._workers.begin(self._source.referrers_by_api, digest)
                if self._source.may_keep_referrers_by_tag:
                    tag = referrers_tag(digest)
                    self._heads[digest] = self._workers.begin(self._source.head_manifest, tag)

    def tagged(self, digest: str) -> list[tuple[str, Future[Manifest | None]]]:
        """Each of cosign's tags, and what it names."""
        return self._tagged[digest]

    def referrers(self, digest: str) -> Future[tuple[Descriptor, ...]]:
        """What was asked for: known, or on its way where it stands under a tag."""
        if digest not in self._found:
            self._found[digest] = self._answer(digest)
        return self._found[digest]

    def _answer(self, digest: str) -> Future[tuple[Descriptor, ...]]:
        found: Future[tuple[Descriptor, ...]] = Future()
        try:
            known = self._by_api[digest].result()
            head = self._heads.get(digest)
            if known is None and head is not None and head.result() is not None:
                return self._workers.begin(self._source.referrers_by_tag, digest)
            found.set_result(known or ())
        except OciError as error:
            found.set_exception(error)
        return found

    def _by_tag(self, tag: str) -> Manifest | None:
        """A cosign tag's manifest; asked for by HEAD first, which costs no quota."""
        head = self._source.head_manifest(tag)
        if head is None:
            return None
        if head.digest is not None:
            return self._fetch(head.digest)
        found = self._source.find_manifest(tag)
        if found is not None:
            self._keep(found.digest, found)
        return found


@dataclass(slots=True)
class _Finder:
    source: Source
    lookups: Lookups
    fetch: Fetch
    workers: WorkerPool
    attached: Referrers

    def tagged(self, digest: str) -> Iterator[tuple[str, Manifest]]:
        for tag, asked in self.lookups.tagged(digest):
            try:
                if (manifest := asked.result()) is not None:
                    yield tag, manifest
            except OciError as error:
                self._skip(error)

    def referrers(self, asked: Future[tuple[Descriptor, ...]]) -> tuple[Descriptor, ...]:
        try:
            return asked.result()
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
        self.source.note((_LEFT_OUT, {"reason": str(error)}))
