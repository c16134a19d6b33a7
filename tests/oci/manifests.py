"""Manifests for tests: plain dictionaries to be changed, and their bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from oci.spec import media_types
from testbed.scripted_http import Reply, Request

SHA256 = "sha256:" + "a" * 64


def descriptor(**changes: Any) -> dict[str, Any]:
    """A layer's descriptor; a key set to ``...`` is left out."""
    entry = {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": SHA256, "size": 7}
    return without_gaps(entry | changes)


def image(**changes: Any) -> dict[str, Any]:
    """An OCI image manifest with one layer."""
    document = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "config": descriptor(mediaType=media_types.OCI_CONFIG, digest="sha256:" + "c" * 64),
        "layers": [descriptor()],
    }
    return without_gaps(document | changes)


def index(*children: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """An OCI index of the children."""
    document = {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": list(children)}
    return without_gaps(document | changes)


def child(letter: str, platform: str = "", **changes: Any) -> dict[str, Any]:
    """An entry of an index; its digest is the letter 64 times."""
    entry: dict[str, Any] = {
        "mediaType": media_types.OCI_MANIFEST,
        "digest": "sha256:" + letter * 64,
        "size": 100,
    }
    if platform:
        parts = dict(zip(("os", "architecture", "variant"), platform.split("/"), strict=False))
        entry["platform"] = parts
    return without_gaps(entry | changes)


def attestation(letter: str, of: str) -> dict[str, Any]:
    """BuildKit's attestation about the child with the digest of the letter ``of``."""
    annotations = {
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": "sha256:" + of * 64,
    }
    return child(letter, "unknown/unknown", annotations=annotations)


def without_gaps(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if value is not ...}


def body_of(document: Any) -> bytes:
    return json.dumps(document).encode()


NOT_THERE = "sha256:" + "0" * 64


def lie(_request: Request, proceed: Callable[[], Reply]) -> Reply:
    reply = proceed()
    others = [(name, value) for name, value in reply.headers if name != "Docker-Content-Digest"]
    return replace(reply, headers=[*others, ("Docker-Content-Digest", NOT_THERE)])
