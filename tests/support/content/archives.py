"""Archives of images, made here: OCI layouts, bundles in volumes, ``docker save`` files, and tar files that lie."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stack.sample import Image, image_of
from testbed.images import random_layer

REF_NAME = "org.opencontainers.image.ref.name"
IMAGE_NAME = "io.containerd.image.name"
SOURCE = "com.registry-portal.source"
BUNDLE_ID = "com.registry-portal.bundle.id"
LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'


def tar(members: Sequence[tuple[str, bytes]], *, format: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar file of these members, in their order."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as made:
        for name, content in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            made.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def blobs_of(images: Sequence[Image]) -> dict[str, bytes]:
    """Everything that a layout of these images has, by digest."""
    found = {blob.digest: blob.data for image in images for blob in image.all_manifests()}
    return found | {blob.digest: blob.data for image in images for blob in image.all_blobs()}


def layout(
    images: Mapping[str, Image],
    *,
    unnamed: Sequence[Image] = (),
    annotations: Mapping[str, str] | None = None,
    only: Sequence[str] | None = None,
    sources: Mapping[str, str] | None = None,
) -> bytes:
    """An OCI image layout with images by ``name:tag``.

    :param unnamed: referrers and the like, listed without a name.
    :param annotations: of ``index.json``. :param only: digests that are in it; all where None.
    :param sources: where the images say that they come from, by name.
    """
    said = {name: {SOURCE: source} for name, source in (sources or {}).items()}
    entries: list[dict[str, Any]] = [
        image.manifest.descriptor(annotations={REF_NAME: name, **said.get(name, {})})
        for name, image in images.items()
    ]
    entries += [image.manifest.descriptor() for image in unnamed]
    index: dict[str, Any] = {"schemaVersion": 2, "manifests": entries}
    if annotations:
        index["annotations"] = dict(annotations)
    content = blobs_of([*images.values(), *unnamed])
    kept = sorted(content if only is None else only)
    members = [("oci-layout", LAYOUT), ("index.json", json.dumps(index).encode())]
    return tar([*members, *((f"blobs/{digest.replace(':', '/')}", content[digest]) for digest in kept)])


def volumes(images: Mapping[str, Image], count: int, *, bundle: str = "b1") -> list[bytes]:
    """A bundle of these images in so many volumes."""
    digests = sorted(blobs_of(list(images.values())))
    told = hashlib.sha256("\n".join(digests).encode()).hexdigest()
    return [
        layout(
            images,
            annotations={
                BUNDLE_ID: bundle,
                "com.registry-portal.volume": f"{number + 1}/{count}",
                "com.registry-portal.bundle.digests": told,
            },
            only=digests[number::count],
        )
        for number in range(count)
    ]


def plain_image(sizes: Sequence[int], *, seed: int = 1) -> tuple[Image, list[bytes]]:
    """An image of random layers, and their uncompressed tar files."""
    layers = [random_layer(size, seed=seed * 1000 + number) for number, size in enumerate(sizes)]
    return image_of(layers), [gzip.decompress(layer.blob.data) for layer in layers]


def docker_save(images: Mapping[str, tuple[Image, Sequence[bytes]]], *, linked: bool = False) -> bytes:
    """What ``docker save`` wrote before version 25: by ``name:tag`` what :func:`plain_image` gives.

    :param linked: the last layer is a link to a file of another name, as for layers that images share.
    """
    buffer = io.BytesIO()
    listed: list[dict[str, Any]] = []
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as made:
        for name, (image, layers) in images.items():
            config = image.blobs[0]
            paths = []
            for number, layer in enumerate(layers):
                digest = hashlib.sha256(layer).hexdigest()
                path = f"{digest}/layer.tar"
                if linked and number == len(layers) - 1:
                    _add(made, f"{digest}.tar", layer)
                    entry = tarfile.TarInfo(path)
                    entry.type, entry.linkname = tarfile.SYMTYPE, f"../{digest}.tar"
                    if path not in made.getnames():
                        made.addfile(entry)
                else:
                    _add(made, path, layer)
                paths.append(path)
            config_name = f"{config.digest.partition(':')[2]}.json"
            _add(made, config_name, config.data)
            listed.append({"Config": config_name, "RepoTags": [name], "Layers": paths})
        _add(made, "manifest.json", json.dumps(listed).encode())
    return buffer.getvalue()


def _add(made: tarfile.TarFile, name: str, content: bytes) -> None:
    if name in made.getnames():  # Shared by two images.
        return
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    made.addfile(entry, io.BytesIO(content))


def write(path: Path, content: bytes) -> Path:
    """``content`` at ``path``."""
    path.write_bytes(content)
    return path
