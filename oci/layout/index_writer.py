"""``oci-layout`` and ``index.json`` of an image layout, the same bytes for the same content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from oci.layout.annotations import BUNDLE_BASE, BUNDLE_DIGESTS, BUNDLE_ID, VOLUME
from oci.layout.tar_writer import Content, Member, from_memory
from oci.spec.manifest import Manifest
from oci.spec.media_types import OCI_INDEX

#: OCI image specification 1.1, "Image Layout".
OCI_LAYOUT: Final = b'{"imageLayoutVersion":"1.0.0"}'
#: An entry of ``index.json``.
Entry = Mapping[str, Any]


def entry(manifest: Manifest, annotations: Mapping[str, str]) -> dict[str, Any]:
    """What ``index.json`` says of a manifest. One without a name refers to another one (a signature, an SBOM)."""
    found: dict[str, Any] = {
        "mediaType": manifest.media_type,
        "digest": manifest.digest,
        "size": manifest.size,
    }
    if manifest.artifact:
        found["artifactType"] = manifest.artifact
    return found | ({"annotations": dict(annotations)} if annotations else {})


def digests_digest(digests: Iterable[str]) -> str:
    """One digest over all, whatever their order."""
    return hashlib.sha256("\n".join(sorted(digests)).encode("ascii")).hexdigest()


def index_document(
    *, entries: Sequence[Entry], bundle_id: str, digests: Iterable[str], base: Sequence[str]
) -> str:
    """``index.json`` without the number of the volume, which :func:`volume_index` adds.

    :param digests: of all blobs in all volumes.
    :param base: digests that were left out.
    """
    annotations = {BUNDLE_ID: bundle_id, BUNDLE_DIGESTS: digests_digest(digests)}
    if base:
        annotations[BUNDLE_BASE] = _dump(sorted(base))
    return _dump(
        {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": list(entries),
            "annotations": annotations,
        }
    )


def volume_index(document: str, number: int, count: int) -> bytes:
    """The ``index.json`` of one volume; volumes are counted from one."""
    index = json.loads(document)
    index["annotations"][VOLUME] = f"{number}/{count}"
    return _dump(index).encode("utf-8")


def front(document: str, number: int, count: int) -> list[tuple[Member, Content]]:
    """The members that come first in a volume."""
    index = volume_index(document, number, count)
    return [
        (Member(name, len(body)), from_memory(body))
        for name, body in (("oci-layout", OCI_LAYOUT), ("index.json", index))
    ]


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
