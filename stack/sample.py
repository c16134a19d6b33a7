"""Makes valid OCI images out of nothing: the sample of the first start.

Deterministic: the same arguments give the same bytes, so the same digests.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
OCI_LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip"

SAMPLE_REPOSITORY = "samples/hello"
SAMPLE_TAG = "1.0"
SAMPLE_PLATFORMS = ("linux/amd64", "linux/arm64")
CREATED = "2024-01-01T00:00:00Z"


@dataclass(frozen=True)
class Blob:
    """Bytes with their type."""

    media_type: str
    data: bytes

    @property
    def digest(self) -> str:
        """Their SHA-256 digest."""
        return f"sha256:{hashlib.sha256(self.data).hexdigest()}"

    @property
    def size(self) -> int:
        """Their number."""
        return len(self.data)

    def descriptor(self, **more: Any) -> dict[str, Any]:
        """How a manifest refers to them."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size, **more}


@dataclass(frozen=True)
class Layer:
    """A layer and the digest of its uncompressed tar."""

    blob: Blob
    diff_id: str


@dataclass(frozen=True)
class Image:
    """A manifest or an index with everything below it."""

    manifest: Blob
    blobs: tuple[Blob, ...] = ()
    children: tuple[Image, ...] = ()
    platform: str = ""

    @property
    def digest(self) -> str:
        """What a tag on it names."""
        return self.manifest.digest

    def all_blobs(self) -> list[Blob]:
        """Every distinct blob, children's too."""
        found = {blob.digest: blob for blob in self.blobs}
        for child in self.children:
            found |= {blob.digest: blob for blob in child.all_blobs()}
        return list(found.values())

    def all_manifests(self) -> list[Blob]:
        """Every distinct manifest, children before what names them."""
        found: dict[str, Blob] = {}
        for child in self.children:
            found |= {blob.digest: blob for blob in child.all_manifests()}
        return [*found.values(), self.manifest]


def tar_of(files: Mapping[str, bytes]) -> bytes:
    """A tar archive of these files, the same for the same files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def file_layer(files: Mapping[str, bytes], *, media_type: str = OCI_LAYER_GZIP) -> Layer:
    """A compressed layer of these files."""
    tar = tar_of(files)
    return Layer(Blob(media_type, gzip.compress(tar, 6, mtime=0)), _sha256(tar))


def image_of(layers: Sequence[Layer], *, platform: str = "linux/amd64", docker: bool = False) -> Image:
    """An image of these layers for one platform, OCI's or Docker's kind (then give it Docker's layer type)."""
    system, architecture, *variant = platform.split("/")
    config = {
        "created": CREATED,
        "architecture": architecture,
        "os": system,
        **({"variant": variant[0]} if variant else {}),
        "config": {"Cmd": ["/hello"], "Labels": {"org.opencontainers.image.title": "hello"}},
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        "history": [{"created": CREATED, "created_by": "registry-portal sample"} for _ in layers],
    }
    config_blob = Blob(DOCKER_CONFIG if docker else OCI_CONFIG, _json(config))
    media_type = DOCKER_MANIFEST if docker else OCI_MANIFEST
    manifest = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": config_blob.descriptor(),
        "layers": [layer.blob.descriptor() for layer in layers],
    }
    blobs = (config_blob, *(layer.blob for layer in layers))
    return Image(Blob(media_type, _json(manifest)), blobs, platform=platform)


def index_of(images: Sequence[Image], *, docker: bool = False) -> Image:
    """An index of these images by their platforms."""
    media_type = DOCKER_LIST if docker else OCI_INDEX
    body = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "manifests": [
            image.manifest.descriptor(**({"platform": _platform(image.platform)} if image.platform else {}))
            for image in images
        ],
    }
    return Image(Blob(media_type, _json(body)), children=tuple(images))


def sample_image() -> Image:
    """The sample: two platforms that share two layers and have one of their own each, about 3 MB together."""
    noise = random.Random(2024)
    shared = [
        file_layer(
            {"etc/os-release": b'NAME="Hello"\nID=hello\n', "etc/motd": b"Imported by Registry Portal.\n"}
        ),
        file_layer({"usr/share/hello/data.bin": noise.randbytes(1_500_000)}),
    ]
    images = []
    for platform in SAMPLE_PLATFORMS:
        own = {
            "hello": f"#!/bin/sh\necho hello from {platform}\n".encode("ascii"),
            f"usr/share/hello/{platform.replace('/', '-')}.bin": noise.randbytes(700_000),
        }
        images.append(image_of([*shared, file_layer(own)], platform=platform))
    return index_of(images)


def _platform(text: str) -> dict[str, str]:
    return dict(zip(("os", "architecture", "variant"), text.split("/"), strict=False))


def _json(value: object) -> bytes:
    return json.dumps(value, indent=2).encode("utf-8")


def _sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
