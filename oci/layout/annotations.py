"""Names in the ``index.json`` of an image layout: the specification's, containerd's, and ours for bundles."""

from __future__ import annotations

from typing import Final

#: OCI image specification 1.1, "Annotations": what an entry is called; here ``name:tag``.
REF_NAME: Final = "org.opencontainers.image.ref.name"
#: The whole name, as containerd, BuildKit and Docker write it.
IMAGE_NAME: Final = "io.containerd.image.name"
#: Which image of which registry it came from, on an entry.
SOURCE: Final = "com.registry-portal.source"

# --- on the index itself ------------------------------------------------------------------------------------
BUNDLE_ID: Final = "com.registry-portal.bundle.id"
#: ``2/3``: the second of three files.
VOLUME: Final = "com.registry-portal.volume"
#: SHA-256 over the sorted digests of all blobs in all volumes, joined by line feeds.
BUNDLE_DIGESTS: Final = "com.registry-portal.bundle.digests"
#: A JSON list of the digests that were left out because the other side has them; absent where there are none.
BUNDLE_BASE: Final = "com.registry-portal.bundle.base"
