"""Media types of manifests, layers and configurations, and how a Content-Type is read."""

from __future__ import annotations

import re
from typing import Final

OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_SCHEMA1: Final = "application/vnd.docker.distribution.manifest.v1+json"
DOCKER_SCHEMA1_SIGNED: Final = "application/vnd.docker.distribution.manifest.v1+prettyjws"

OCI_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
DOCKER_CONFIG: Final = "application/vnd.docker.container.image.v1+json"
#: Of a chart (helm.sh/docs/topics/registries, "Helm chart manifest").
HELM_CONFIG: Final = "application/vnd.cncf.helm.config.v1+json"
#: The configuration of an artifact that needs none: ``{}``.
OCI_EMPTY: Final = "application/vnd.oci.empty.v1+json"
EMPTY_JSON: Final = b"{}"
EMPTY_JSON_DIGEST: Final = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

INDEX_TYPES: Final = frozenset({OCI_INDEX, DOCKER_LIST})
IMAGE_TYPES: Final = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
MANIFEST_TYPES: Final = INDEX_TYPES | IMAGE_TYPES
SCHEMA1_TYPES: Final = frozenset({DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED})
CONFIG_TYPES: Final = frozenset({OCI_CONFIG, DOCKER_CONFIG})

#: Said by servers that do not know better (object storage behind a redirect, static mirrors): the body
#: decides.
GENERIC_TYPES: Final = frozenset(
    {"", "application/json", "application/octet-stream", "binary/octet-stream", "text/plain"}
)

#: Layers that the registry does not hold; their bytes are elsewhere and are not ours to hand on.
FOREIGN_LAYER_TYPES: Final = frozenset(
    {
        "application/vnd.docker.image.rootfs.foreign.diff.tar",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.zstd",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    }
)

#: The one Accept header of manifest requests. Schema 1 is not in it, so that only a registry without
#: anything newer answers with it.
ACCEPT_MANIFESTS: Final = f"{OCI_INDEX}, {DOCKER_LIST}, {OCI_MANIFEST}, {DOCKER_MANIFEST}"

#: RFC 6838: type, slash, subtype, of restricted characters.
_MEDIA_TYPE: Final = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}", re.ASCII
)


def is_media_type(text: object) -> bool:
    """Whether ``text`` is a whole, well-formed media type without parameters."""
    return isinstance(text, str) and _MEDIA_TYPE.fullmatch(text) is not None


def bare_type(content_type: str | None) -> str:
    """A Content-Type without its parameters, in lower case; empty when there is none."""
    return (content_type or "").partition(";")[0].strip(" \t").lower()


def is_foreign(media_type: str) -> bool:
    """Whether a layer of this type stays where it is (Windows base layers and their like)."""
    return media_type in FOREIGN_LAYER_TYPES


def is_manifest_type(media_type: str) -> bool:
    """Whether content of this type is fetched from ``/manifests/`` and not from ``/blobs/``."""
    return media_type in MANIFEST_TYPES
