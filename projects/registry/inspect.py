"""What a tag of the private registry names now: digest, platforms, size."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final

from oci.copy.blob_sums import blob_sums
from oci.copy.manifest_tree import collect_blobs, read_tree
from oci.copy.worker_pool import WorkerPool
from oci.errors import OciError
from oci.registry.client import RegistryClient
from oci.spec.manifest import Manifest
from oci.spec.media_types import CONFIG_TYPES
from oci.spec.selection import platform_names, platform_of_config

#: A larger configuration is not looked into for its platform.
MAX_CONFIG_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Inspected:
    """As :class:`projects.models.Image` keeps it."""

    digest: str
    media_type: str
    artifact_type: str
    size: int
    platforms: tuple[str, ...] = ()
    children: tuple[dict[str, Any], ...] = field(default=())
    annotations: dict[str, str] = field(default_factory=dict)


def inspect(client: RegistryClient, repository: str, tag: str) -> Inspected | None:
    """Read the manifest behind a tag and everything below it; None where there is no such tag.

    :raises OciError: the registry is away, or what it holds can't be understood.
    """
    root = client.find_manifest(repository, tag)
    if root is None:
        return None
    with closing(WorkerPool(2)) as workers:
        tree = read_tree(root, fetch=lambda digest: client.get_manifest(repository, digest), workers=workers)
    blobs = collect_blobs(tree.manifests.values())
    sums = blob_sums(tree)
    named = dict.fromkeys(
        (str(child.platform or ""), child.digest) for child in root.manifests if not child.is_attestation
    )
    return Inspected(
        digest=root.digest,
        media_type=root.media_type,
        artifact_type=root.artifact,
        size=sum(blob.size for blob in blobs.values()),
        platforms=platform_names(tree.children()) if root.is_index else _platform(client, repository, root),
        children=tuple(
            {"platform": platform, "digest": digest, "size": sums[digest]} for platform, digest in named
        ),
        annotations=dict(root.annotations),
    )


def _platform(client: RegistryClient, repository: str, manifest: Manifest) -> tuple[str, ...]:
    config = manifest.config
    if config is None or config.media_type not in CONFIG_TYPES or config.size > MAX_CONFIG_BYTES:
        return ()
    try:
        found = platform_of_config(client.read_blob(repository, config.digest, config.size))
    except OciError as exc:
        if exc.retryable:
            raise
        return ()  # a configuration that can't be read names no platform; the image is there all the same
    return (str(found),) if found is not None and not found.is_unknown else ()
