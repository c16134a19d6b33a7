"""What of an image goes into an archive: manifests, blobs and what is attached, all by digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from oci.copy.context import CopyOptions, ReadContext
from oci.copy.image_info import ImageInfo, describe
from oci.copy.image_reader import ImageReader, SourceImage
from oci.copy.manifest_tree import Tree, collect_blobs
from oci.copy.referrers import subject_of_tag
from oci.errors import Note
from oci.registry.source import Source
from oci.spec.descriptor import Descriptor
from oci.spec.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Content:
    """What has to be in the archive.

    :param manifests: all, by digest; the root and what is attached among them.
    :param made: those that the registry does not have: indexes that were cut.
    :param blobs: of all manifests, by digest; foreign layers stay where they are.
    """

    manifests: Mapping[str, Manifest]
    made: frozenset[str]
    blobs: Mapping[str, Descriptor]


@dataclass(frozen=True, slots=True)
class Attached:
    """Which of the manifests are signatures, SBOMs and the like.

    :param tags: what is attached by a tag (cosign's), by that tag.
    :param referrers: digests of manifests that refer to another one by their subject.
    """

    tags: Mapping[str, Manifest]
    referrers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExportedImage:
    """Everything of one image.

    :param root: what its name leads to; cut where platforms were left out.
    :param source_digest: of the root before that.
    :param notes: what was left out, and why.
    """

    root: Manifest
    source_digest: str
    info: ImageInfo
    content: Content
    attached: Attached
    notes: tuple[Note, ...]


def read_for_export(
    source: Source, reference: str, options: CopyOptions, context: ReadContext
) -> ExportedImage:
    """Read an image's manifests as an import does.

    :param reference: tag or digest.
    :raises OciError: as an import would.
    """
    reader = ImageReader(source, reference, options, context, at_target=lambda _digest: None)
    reader.resolve()
    reader.check_target()
    image = reader.read()
    tree = image.tree
    manifests = {cut.digest: cut for cut in map(tree.cut, tree.manifests.values())}
    made = frozenset(manifests.keys() - tree.manifests.keys())
    attached = _attach(image, manifests)
    root = tree.cut(tree.root)
    return ExportedImage(
        root=root,
        source_digest=reader.digest,
        info=describe(tree, root, image.platforms),
        content=Content(manifests, made, collect_blobs(manifests.values())),
        attached=attached,
        notes=tuple(source.notes),
    )


def _attach(image: SourceImage, manifests: dict[str, Manifest]) -> Attached:
    """Add to ``manifests`` what is attached to any of them.

    What is attached to an index that was cut is about other bytes than those that go: it stays.
    """
    attached, referrers = image.attached, []
    for subject, found in attached.by_subject.items():
        if subject in manifests:
            for descriptor in found:
                _add(attached.trees[descriptor.digest], manifests)
                referrers.append(descriptor.digest)
    tags = {tag: manifest for tag, manifest in attached.tags.items() if subject_of_tag(tag) in manifests}
    for manifest in tags.values():
        _add(attached.trees[manifest.digest], manifests)
    return Attached(tags, tuple(dict.fromkeys(referrers)))


def _add(tree: Tree, manifests: dict[str, Manifest]) -> None:
    manifests.update(tree.manifests)
