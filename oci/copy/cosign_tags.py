"""Two images of signatures made one, as cosign adds a signature to those that are there.

Source: cosign, ``specs/SIGNATURE_SPEC.md`` (a layer is a payload, its signature an annotation) and
``pkg/oci/mutate`` (a new layer at the end, the configuration counts the layers).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from oci.errors import OciError
from oci.spec.digest import digest_of
from oci.spec.manifest import Descriptor, Manifest, parse_manifest
from oci.spec.media_types import CONFIG_TYPES

#: What cosign writes where a time would be.
_NO_TIME: Final = "0001-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Merged:
    """``config`` with its ``data`` where there is a new one to upload."""

    manifest: Manifest
    config: Descriptor | None = None


def merged(theirs: Manifest, ours: Manifest) -> Merged | None:
    """All signatures of both, theirs first; one of the two as it is where that holds all. None where they are not of
    one kind, or too many together.
    """
    if theirs.is_index or ours.is_index or theirs.config is None or ours.config is None:
        return None
    if theirs.config.media_type != ours.config.media_type:
        return None
    document: dict[str, Any] = json.loads(theirs.body)
    before, new = document.get("layers") or [], json.loads(ours.body).get("layers") or []
    added = [layer for layer in new if layer not in before]
    if not added:
        return Merged(theirs)
    if all(layer in new for layer in before):
        return Merged(ours)
    layers = [*before, *added]
    config = _config(theirs.config.media_type, layers)
    if config is not None:
        document["config"] = {
            "mediaType": config.media_type,
            "digest": config.digest,
            "size": config.size,
        }
    document["layers"] = layers
    body = json.dumps(document, separators=(",", ":")).encode()
    try:
        return Merged(parse_manifest(body, theirs.media_type, expected_digest=None), config)
    except OciError:
        return None


def _config(media_type: str, layers: list[dict[str, Any]]) -> Descriptor | None:
    """That of an image counts its layers; any other says nothing about them. Payloads are not compressed."""
    if media_type not in CONFIG_TYPES:
        return None
    data = json.dumps(
        {
            "architecture": "",
            "created": _NO_TIME,
            "history": [{"created": _NO_TIME} for _ in layers],
            "os": "",
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]},
            "config": {},
        },
        separators=(",", ":"),
    ).encode()
    return Descriptor(media_type, digest_of(data), len(data), data=data)
