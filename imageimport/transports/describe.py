"""What an image at the private registry is, as the image index wants to know it."""

from __future__ import annotations

from imageimport.transports.base import Arrived
from oci.client import RegistryClient
from oci.manifest import Manifest


def describe(manifest: Manifest, source_digest: str, target: RegistryClient, repository: str) -> Arrived:
    """Read a manifest's children at the target, and sum up."""
    blobs = _blobs(manifest)
    children = []
    for child in manifest.manifests:
        below = _blobs(target.get_manifest(repository, child.digest))
        blobs |= below
        if child.platform and not child.platform.is_unknown:
            children.append(
                {"platform": str(child.platform), "digest": child.digest, "size": sum(below.values())}
            )
    return Arrived(
        digest=manifest.digest,
        source_digest=source_digest,
        media_type=manifest.media_type,
        size=sum(blobs.values()),
        platforms=tuple(child["platform"] for child in children),
        artifact_type=manifest.artifact_type or "",
        children=tuple(children),
    )


def _blobs(manifest: Manifest) -> dict[str, int]:
    return {each.digest: each.size for each in (*([manifest.config] if manifest.config else []), *manifest.layers)}
