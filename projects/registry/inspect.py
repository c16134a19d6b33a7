"""What a tag of the private registry names now: digest, platforms, size."""

from __future__ import annotations

from contextlib import closing
from typing import Final

from oci.copy.image_info import ImageInfo, describe
from oci.copy.manifest_tree import read_tree
from oci.copy.worker_pool import WorkerPool
from oci.errors import OciError
from oci.registry.repository import Repository
from oci.spec.manifest import Manifest
from oci.spec.media_types import CONFIG_TYPES
from oci.spec.selection import platform_names, platform_of_config

#: A larger configuration is not looked into for its platform.
MAX_CONFIG_BYTES: Final = 1024 * 1024


def inspect(repository: Repository, reference: str) -> ImageInfo | None:
    """Read the manifest behind a tag or digest and everything below it; None where there is none.

    :raises OciError: the registry is away, or what it holds can't be understood.
    """
    root = repository.find_manifest(reference)
    if root is None:
        return None
    with closing(WorkerPool(2)) as workers:
        tree = read_tree(root, fetch=repository.get_manifest, workers=workers)
    platforms = platform_names(tree.children()) if root.is_index else _platform(repository, root)
    return describe(tree, root, platforms)


def _platform(repository: Repository, manifest: Manifest) -> tuple[str, ...]:
    config = manifest.config
    if config is None or config.media_type not in CONFIG_TYPES or config.size > MAX_CONFIG_BYTES:
        return ()
    try:
        found = platform_of_config(repository.read_blob(config.digest, config.size))
    except OciError as exc:
        if exc.retryable:
            raise
        return ()  # a configuration that can't be read names no platform; the image is there all the same
    return (str(found),) if found is not None and not found.is_unknown else ()
