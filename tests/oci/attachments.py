"""Signatures, SBOMs and nested indexes for tests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from stack.sample import OCI_INDEX, OCI_MANIFEST, Blob, Image
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry

EMPTY = Blob("application/vnd.oci.empty.v1+json", b"{}")


def artifact(content: bytes, *, of: Image | None = None, kind: str = "application/vnd.example.sbom") -> Image:
    """An artifact manifest of one blob; ``of`` is its subject."""
    layer = Blob("application/octet-stream", content)
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": kind,
        "config": EMPTY.descriptor(),
        "layers": [layer.descriptor()],
        "annotations": {"org.example.made-by": "tests"},
    }
    if of is not None:
        document["subject"] = of.manifest.descriptor()
    return Image(Blob(OCI_MANIFEST, json.dumps(document).encode()), (EMPTY, layer))


def index(children: Sequence[tuple[Image, dict[str, Any]]], *, media_type: str = OCI_INDEX) -> Image:
    """An index whose entries carry anything: platforms, annotations, or neither."""
    entries = [child.manifest.descriptor(**more) for child, more in children]
    document = {"schemaVersion": 2, "mediaType": media_type, "manifests": entries}
    return Image(
        Blob(media_type, json.dumps(document).encode()), children=tuple(child for child, _ in children)
    )


def platform(text: str) -> dict[str, Any]:
    parts = dict(zip(("os", "architecture", "variant"), text.split("/"), strict=False))
    return {"platform": parts}


def attestation_of(image: Image) -> tuple[Image, dict[str, Any]]:
    """BuildKit's attestation about a child of the same index, with its entry."""
    annotations = {
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": image.digest,
    }
    statement = artifact(b"attests " + image.digest.encode())
    return statement, {"platform": {"os": "unknown", "architecture": "unknown"}, "annotations": annotations}


def cosign_tag(image: Image, suffix: str) -> str:
    return image.digest.replace(":", "-") + suffix


IMAGE = random_image([4_096], seed=91)
SIG = cosign_tag(IMAGE, ".sig")


def filled(registry: ScriptedRegistry, *attached: Image, repository: str = "library/app") -> ScriptedRegistry:
    registry.add_image(repository, "v1", IMAGE)
    for each in attached:
        registry.add_image(repository, each.digest, each)
    return registry


def signature(*payloads: str) -> Image:
    """As cosign makes them: a layer for each signature, the configuration of an image counts them."""
    blobs = [Blob("application/vnd.dev.cosign.simplesigning.v1+json", each.encode()) for each in payloads]
    config = Blob(
        "application/vnd.oci.image.config.v1+json",
        json.dumps({"rootfs": {"type": "layers", "diff_ids": [blob.digest for blob in blobs]}}).encode(),
    )
    layers = [
        blob.descriptor(annotations={"dev.cosignproject.cosign/signature": f"by {payload}"})
        for blob, payload in zip(blobs, payloads, strict=True)
    ]
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": config.descriptor(),
        "layers": layers,
    }
    return Image(Blob(OCI_MANIFEST, json.dumps(document).encode()), (config, *blobs))


def named(target: ScriptedRegistry, tag: str = SIG) -> bytes:
    return target.repository("team/app").manifests[tag][1]
