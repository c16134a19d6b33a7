"""Reads what an image consists of, for a copy or a plan of one: manifests, platforms, what is attached."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Final

from oci.copy.candidate import created_of_config
from oci.copy.context import CopyOptions, ReadContext
from oci.copy.late_mirror import LateMirror
from oci.copy.manifest_tree import Tree, collect_blobs, everything, read_tree
from oci.copy.referrers import Lookups, Referrers, find_attached
from oci.copy.signatures.finding import subject_of
from oci.copy.signatures.places import AtSource
from oci.errors import Note, OciError
from oci.limits import MANIFEST_BYTES
from oci.registry.faults import digest_differs
from oci.registry.source import Source
from oci.signatures.proof import Subject
from oci.spec.digest import is_digest
from oci.spec.manifest import Descriptor, Manifest, Platform
from oci.spec.media_types import CONFIG_TYPES
from oci.spec.selection import PlatformChoice, platform_names, platform_of_config

#: Connections opened while the first question is under way: for the manifest, and what is asked beside it.
_AHEAD: Final = 7


@dataclass(frozen=True, slots=True)
class SourceImage:
    """Everything of one image. ``contents`` are configurations that were looked into."""

    tree: Tree
    attached: Referrers
    names: Future[tuple[str, ...]]
    contents: dict[str, bytes]

    @property
    def platforms(self) -> tuple[str, ...]:
        """What the image is for, read from its configuration where it is no index.

        :raises OciError:
        """
        return self.names.result()

    def await_content(self, digest: str) -> None:
        """Until ``contents`` has a blob that is read already; at once where it is not."""
        config = self.tree.root.config
        if config is not None and config.digest == digest:
            wait([self.names])

    def blobs(self) -> dict[str, Descriptor]:
        """By digest, with those of what is attached."""
        return collect_blobs([*self.tree.manifests.values(), *self.attached.manifests()])


class ImageReader:
    """Resolves a reference once, then reads by digest.

    :param reference: tag or digest.
    :param at_target: finds a manifest by digest where it may be already (the target): saves the source's quota.
    :param blob_at_target: the same for a small blob, by digest and size.
    :raises OciError: ``invalid_reference`` for a malformed platform.
    """

    def __init__(
        self,
        source: Source,
        reference: str,
        options: CopyOptions,
        context: ReadContext,
        *,
        at_target: Callable[[str], Manifest | None],
        blob_at_target: Callable[[str, int], bytes | None] = lambda _digest, _size: None,
    ) -> None:
        self._source = source
        self._reference = reference
        self._platforms = [Platform.parse(each) for each in options.platforms]
        self._platforms_if_any = options.platforms_if_any
        self._context = context
        self._at_target = at_target
        self._blob_at_target = blob_at_target
        self._lookups = (
            Lookups(source, self._fetch, self._keep, context.workers) if options.include_referrers else None
        )
        self._late = LateMirror(source, reference, context.workers)
        self._lock = threading.Lock()
        self._read: dict[str, Manifest] = {}
        self._contents: dict[str, bytes] = {}
        self._reading: dict[str, threading.Lock] = {}
        self._root: Future[Manifest] | None = None
        #: Whether the target has the root, and so perhaps its parts.
        self.is_at_target = False
        #: Whether ``digest`` is what a header said of a tag.
        self._is_from_header = False
        self._by_content = False
        self.digest = ""

    def resolve(self, guess: str = "", *, by_content: bool = False) -> str:
        """The digest of the reference, by HEAD where the registry answers that.

        :param guess: what it may be; what is attached to that is asked for at once.
        :param by_content: the manifest is read in any case, so it is asked for at once: one round trip, not two.
        :raises OciError: ``not_found``, ``unauthorized``, …
        """
        self._by_content = by_content
        resolved = self._context.workers.begin(ImageReader._resolve, self)
        ahead = min(_AHEAD, self._context.workers.size)
        for _ in range(ahead):
            self._context.workers.begin_if_free(partial(self._source.open_ahead, ahead))
        if self._lookups is not None and guess:
            self.is_at_target = True
            self._lookups.ask([guess])
        resolved.result()
        self._late.ask()
        return self.digest

    def late_mirror(self) -> Note | None:
        """What people should know of a mirror that served the tag; it may take a moment."""
        return self._late.note(self.digest)

    def close(self) -> None:
        """End what is asked beside the copy."""
        self._late.close()

    def _resolve(self) -> None:
        if self._by_content:
            self._resolve_by_content()
            return
        head = self._source.head_manifest(self._reference)
        if is_digest(self._reference) and head is not None:
            self.digest = self._reference
        elif head is not None and head.digest is not None:
            self.digest = head.digest
            self._is_from_header = True
        else:
            self._resolve_by_content()

    def _resolve_by_content(self) -> None:
        """By the manifest itself, whatever a header says."""
        manifest = self._source.get_manifest(self._reference)
        self._keep(manifest.digest, manifest)
        self.digest = manifest.digest

    def check_target(self) -> None:
        """Whether the target has the image; where its root is missing its parts are too, and need not be asked for.
        :meth:`resolve` comes first.
        """
        found = self._at_target(self.digest)
        self.is_at_target = found is not None
        if found is not None:
            self._keep(self.digest, found)
        elif not self._by_content:
            self._root = self._context.workers.begin(self._fetch, self.digest)
        if self._lookups is not None:
            self._lookups.ask([self.digest])

    def read(self, *, configurations: bool = True) -> SourceImage:
        """All manifests, verified. :meth:`resolve` comes first.

        :param configurations: whether that of an image without an index may be read, which names its platform.
        """
        root = self._fetch_root()
        if not root.is_index:
            self._prove(Tree(root))
        choice = PlatformChoice(
            self._platforms,
            fetch=self._fetch,
            platform_of=self._platform_of,
            if_any=self._platforms_if_any,
            before=self._prove_part,
        )
        if self._platforms and not root.is_index:
            choice.check_image(root)
        choose = choice if self._platforms else everything
        workers = self._context.workers
        tree = read_tree(
            root,
            fetch=self._fetch,
            choose=choose,
            workers=workers,
            asked=self._lookups.ask if self._lookups is not None else lambda _digests: None,
        )
        if root.is_index:
            self._prove(tree)
        names = workers.begin(self._names if configurations else _named, tree)
        attached = Referrers()
        if self._lookups is not None:
            attached = find_attached(
                self._source,
                tree.manifests.values(),
                lookups=self._lookups,
                fetch=self._fetch,
                workers=workers,
            )
        return SourceImage(tree, attached, names, self._contents)

    def _prove(self, tree: Tree) -> None:
        """Before a configuration is looked into: an image that may not come in costs its source no blob."""
        if self._context.gate is not None:
            self._context.gate.admit(subject_of(tree), self._place)

    def _prove_part(self, image: Manifest, above: Sequence[Manifest]) -> None:
        """The same for one image of an index, whose entry doesn't say what it is for: so its configuration has to."""
        config = _config_of(image)
        if self._context.gate is None or config is None or config.data is not None:
            return
        subject = Subject(image)
        for index in reversed(above):
            subject = Subject(index, (subject,))
        self._context.gate.admit_part(subject, self._place)

    @cached_property
    def _place(self) -> AtSource:
        """Where signatures are looked for: a look-up of its own where nothing attached is copied."""
        lookups = self._lookups or Lookups(self._source, self._fetch, self._keep, self._context.workers)
        return AtSource(self._source, lookups, self._fetch, self._contents, self._context.documents)

    def _fetch_root(self) -> Manifest:
        """What the tag names. A digest that only a header named and that is not there is a tag that has just moved, or
        a lie.

        :raises OciError: ``digest_mismatch`` for the lie; ``not_found``, …
        """
        try:
            return self._root.result() if self._root is not None else self._fetch(self.digest)
        except OciError as error:
            if error.code != "not_found" or not self._is_from_header:
                raise
        head_digest = self.digest
        self._resolve()
        if self.digest == head_digest:
            self._resolve_by_content()
            if self.digest != head_digest:
                raise digest_differs(self._source.host, head_digest, self.digest).error
        return self._fetch(self.digest)

    def _fetch(self, digest: str) -> Manifest:
        self._context.cancel.check()
        with self._lock:
            known = self._read.get(digest)
        if known is not None:
            return known
        manifest = self._at_target(digest) if self.is_at_target else None
        if manifest is None:
            manifest = self._source.get_manifest(digest)
        try:
            self._reserve(digest, manifest.cost)
        except OciError:
            del manifest  # Else the error's traceback would keep it, for each thread that meets the limit.
            raise
        with self._lock:
            self._read[digest] = manifest
        return manifest

    def _keep(self, digest: str, manifest: Manifest) -> None:
        """Keep a manifest for later steps.

        :raises OciError: all that is kept would be too much.
        """
        self._reserve(digest, manifest.cost)
        with self._lock:
            self._read[digest] = manifest

    def _reserve(self, digest: str, cost: int) -> None:
        """Count each once."""
        with self._lock:
            known = digest in self._read
        if not known:
            self._context.documents.reserve(cost)

    def created(self, tree: Tree) -> tuple[dt.datetime | None, ...]:
        """When each image of the tree says that it was made, attestations aside; None where it says nothing.

        :raises OciError:
        """
        found = self._context.workers.map(self._configuration_of, _images_in(tree))
        return tuple(map(created_of_config, found))

    def platforms(self, tree: Tree) -> tuple[str, ...]:
        """The platform of each image of the tree, attestations aside; an empty text where neither the index nor the
        image says.

        :raises OciError:
        """
        named: dict[str, dict[str, None]] = {tree.root.digest: {}}
        asked = {tree.root.digest}
        for child in tree.children():
            found = named.setdefault(child.digest, {})
            if child.platform is None:  # Beside another entry that names one, too: it can be run by this one.
                asked.add(child.digest)
            elif not child.runs_nowhere:
                found[str(child.platform)] = None
        images = _images_in(tree)
        silent = [each for each in images if each.digest in asked]
        for each, platform in zip(silent, self._context.workers.map(self._platform_of, silent), strict=True):
            named[each.digest][str(platform) if platform else ""] = None
        return tuple(dict.fromkeys(text for each in images for text in named[each.digest]))

    def _names(self, tree: Tree) -> tuple[str, ...]:
        if tree.root.is_index:
            return _named(tree)
        platform = self._platform_of(tree.root)
        return (str(platform),) if platform else ()

    def _platform_of(self, image: Manifest) -> Platform | None:
        """What an image's configuration says; None for an artifact."""
        content = self._configuration_of(image)
        return platform_of_config(content) if content is not None else None

    def _configuration_of(self, image: Manifest) -> bytes | None:
        """None for an artifact, and for one that is larger than any image's is."""
        config = _config_of(image)
        if config is None:
            return None
        if config.data is not None:
            return config.data
        with self._lock:
            reading = self._reading.setdefault(config.digest, threading.Lock())
        with reading:  # Its platform and its age may be asked for side by side.
            content = self._contents.get(config.digest)
            if content is None:
                self._context.documents.reserve(2 * config.size)
                content = self._blob_at_target(config.digest, config.size)
                if content is None:
                    content = self._source.read_blob(config.digest, config.size)
                self._contents[config.digest] = content
        return content


def _config_of(image: Manifest) -> Descriptor | None:
    """None for an artifact, and for one that is larger than any image's is."""
    config = image.config
    if config is None or config.media_type not in CONFIG_TYPES or config.size > MANIFEST_BYTES:
        return None
    return config


def _images_in(tree: Tree) -> list[Manifest]:
    """What runs, and artifacts: neither indexes nor what every entry calls an attestation."""
    runs = {child.digest for child in tree.children() if not child.runs_nowhere} | {tree.root.digest}
    return [each for digest, each in tree.manifests.items() if not each.is_index and digest in runs]


def _named(tree: Tree) -> tuple[str, ...]:
    """The platforms that an index names; none of an image without one."""
    return platform_names(tree.children()) if tree.root.is_index else ()
