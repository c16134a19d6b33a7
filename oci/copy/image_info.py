"""What people are told of an image: the facts that a row, a report and a notice share; the platforms of its blobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from oci.copy.blob_sums import blob_sums
from oci.copy.manifest_tree import Tree, collect_blobs
from oci.copy.referrers import Referrers, subject_of_tag
from oci.spec.manifest import Manifest


@dataclass(frozen=True, slots=True)
class ImageChild:
    """An image that an index names. ``size``: of its distinct blobs, in bytes; ``platform`` is empty where it
    names none.
    """

    platform: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """One image, index or artifact.

    :param size: sum of its distinct blobs, in bytes.
    :param platforms: its own, or those of all its children.
    :param artifact_type: empty for an image.
    :param children: of an index.
    :param annotations: of its manifest.
    :param blobs: its distinct blobs over all platforms, digest to bytes; empty where they are not known.
    """

    digest: str
    media_type: str = ""
    size: int = 0
    platforms: tuple[str, ...] = ()
    artifact_type: str = ""
    children: tuple[ImageChild, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    blobs: Mapping[str, int] = field(default_factory=dict)


def describe(tree: Tree, root: Manifest, platforms: tuple[str, ...]) -> ImageInfo:
    """The facts of an image that was read.

    :param root: as it stands at the target: the tree's root, or that root cut to what was chosen.
    """
    blobs = {blob.digest: blob.size for blob in collect_blobs(tree.manifests.values()).values()}
    return ImageInfo(
        digest=root.digest,
        media_type=root.media_type,
        size=sum(blobs.values()),
        platforms=platforms,
        artifact_type=root.artifact,
        children=_children(tree, root),
        annotations=dict(root.annotations),
        blobs=blobs,
    )


def _children(tree: Tree, root: Manifest) -> tuple[ImageChild, ...]:
    """What the index names, attestations aside, each platform once. Nested indexes count with all below them, and
    under the digest that they have at the target, which is another one than at the source where platforms were left
    out.
    """
    source = {digest: digest for digest in tree.manifests}
    for child in tree.kept.get(tree.root.digest, ()):
        source.setdefault(tree.cut(tree.manifests[child.digest]).digest, child.digest)
    sums = blob_sums(tree)
    named = [
        ImageChild(
            str(child.platform) if child.platform and not child.platform.is_unknown else "",
            child.digest,
            sums[source[child.digest]],
        )
        for child in root.manifests
        if child.digest in source and not child.runs_nowhere
    ]
    return tuple(dict.fromkeys(named))


def blob_platforms(tree: Tree, attached: Referrers) -> Mapping[str, str]:
    """A platform such as ``linux/amd64`` for each digest of a blob; empty where manifests of several name it, and
    where no index says a platform: nothing is read for it.

    What is attached to an image is for that image's platform.
    """
    of_manifest: dict[str, str] = {}
    entries = tree.children()
    for entry in entries:
        if not entry.attests:
            platform = entry.platform
            named = platform.detailed if platform is not None and not platform.is_unknown else ""
            _note(of_manifest, entry.digest, named)
    for entry in entries:
        if entry.attests:
            _note(of_manifest, entry.digest, of_manifest.get(entry.attests, ""))
    for tag, manifest in attached.tags.items():
        _note(of_manifest, manifest.digest, of_manifest.get(subject_of_tag(tag), ""))
    for subject, referrers in attached.by_subject.items():  # Each after what it refers to.
        for each in referrers:
            _note(of_manifest, each.digest, of_manifest.get(subject, ""))

    of_blob: dict[str, str] = {}
    for manifest in (*tree.manifests.values(), *attached.manifests()):
        for blob in manifest.blobs:
            _note(of_blob, blob.digest, of_manifest.get(manifest.digest, ""))
    return of_blob


def _note(found: dict[str, str], digest: str, platform: str) -> None:
    """Once two differ it is empty, and stays so."""
    if found.setdefault(digest, platform) != platform:
        found[digest] = ""
