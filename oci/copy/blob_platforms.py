"""Which platform each blob of an image is for, as its indexes say: nothing is read for it."""

from __future__ import annotations

from collections.abc import Mapping

from oci.copy.manifest_tree import Tree
from oci.copy.referrers import Referrers, subject_of_tag


def blob_platforms(tree: Tree, attached: Referrers) -> Mapping[str, str]:
    """A platform such as ``linux/amd64`` for each digest of a blob; empty where manifests of several name it, and
    where no index says a platform.

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
