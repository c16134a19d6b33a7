"""A private registry with images of every kind, and files of bundles taken apart."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import zstandard
from django.test import Client

from oci.layout.annotations import REF_NAME
from stack.sample import (
    DOCKER_LAYER_GZIP,
    OCI_INDEX,
    OCI_LAYER,
    SAMPLE_PLATFORMS,
    Blob,
    Image,
    Layer,
    file_layer,
    image_of,
    index_of,
    sample_image,
    tar_of,
)
from testbed.images import random_image, random_layer
from testbed.services import RegistryServer
from tests.oci.attachments import artifact as attached
from tests.oci.attachments import attestation_of, cosign_tag, index, platform
from tests.support.content.artifacts import artifact, chart
from tests.support.content.signing import BUNDLE_TYPE, Key, bundle_image, cosign_image
from tests.support.people import Team


@dataclass(frozen=True)
class Layout:
    """One file of a bundle."""

    names: list[str]
    index: dict[str, Any]
    blobs: Mapping[str, bytes]

    @classmethod
    def of(cls, body: bytes) -> Layout:
        """Takes a tar apart, and compares every blob with its name."""
        names, contents = [], {}
        with tarfile.open(fileobj=io.BytesIO(body)) as tar:
            for member in tar:
                names.append(member.name)
                file = tar.extractfile(member)
                assert file is not None
                contents[member.name] = file.read()
        blobs = {
            name.removeprefix("blobs/").replace("/", ":"): content
            for name, content in contents.items()
            if name.startswith("blobs/")
        }
        for digest, content in blobs.items():
            algorithm, _, digits = digest.partition(":")
            assert hashlib.new(algorithm, content).hexdigest() == digits
        assert json.loads(contents["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
        return cls(names, json.loads(contents["index.json"]), blobs)

    @property
    def named(self) -> dict[str, str]:
        """Digests by the names that ``index.json`` gives them."""
        found = {
            entry.get("annotations", {}).get(REF_NAME, ""): entry["digest"]
            for entry in self.index["manifests"]
        }
        return {name: digest for name, digest in found.items() if name}


#: Six layers, and the same with the last one changed.
LAYERS = [random_layer(30_000 + number, seed=500 + number) for number in range(6)]
SIX = image_of(LAYERS)
CHANGED = image_of([*LAYERS[:5], random_layer(31_000, seed=600)])


def fill(own: RegistryServer, team: Team) -> dict[str, Image]:
    """Puts images of every kind into a project's repositories; by ``name:tag``, with their rows."""
    images = {
        "multi:1": sample_image(),
        "single:1": random_image([2000, 3000]),
        "single:2": random_image([2000, 4000]),
        "deep/er:v1": random_image([5000], platform="linux/arm64"),
        "six:1": SIX,
        "six:2": CHANGED,
        "docker:1": image_of([random_layer(4000, seed=77)], docker=True),
        "chart:6.5.0": chart(),
        "policy:1": artifact(),
    }
    _put(own, team, images)
    signed = images["single:1"]
    own.push(f"{team.project.name}/single", cosign_tag(signed, ".sig"), attached(b"signature"))
    put_referrers(own, f"{team.project.name}/single", signed, [attached(b"sbom", of=signed)])
    return images


def fill_rest(own: RegistryServer, team: Team, key: Key) -> dict[str, Image]:
    """Eleven images more, of the kinds that :func:`fill` lacks; those whose names begin with ``signed/`` are signed:
    ``old`` and ``new`` in one of cosign's layouts, ``both``, which is an index, in both.
    """
    amd, arm = (random_image([3000, 2000], seed=80, platform=each) for each in SAMPLE_PLATFORMS)
    packed = [image_of([_zstd_layer(each)], platform=each) for each in SAMPLE_PLATFORMS]
    docker = [image_of([_docker_layer(each)], platform=each, docker=True) for each in SAMPLE_PLATFORMS]
    images = {
        "zstd:1": image_of([_zstd_layer("a"), random_layer(3000, seed=81), _zstd_layer("b")]),
        "zstd:all": index_of([*packed, random_image([3000], seed=82, platform="linux/arm/v7")]),
        "plain:1": image_of([_plain_layer()]),
        "docker-list:1": index_of(docker, docker=True),
        "attested:1": index([(amd, platform("linux/amd64")), attestation_of(amd)]),
        "nested:1": index([(index_of([amd, arm]), {}), (packed[0], platform("linux/amd64"))]),
        "moving:1.0": amd,
        "moving:latest": amd,
        "signed/old:1": random_image([4000], seed=83),
        "signed/new:1": random_image([4000], seed=84),
        "signed/both:1": index_of(
            [random_image([4000], seed=85, platform=each) for each in SAMPLE_PLATFORMS]
        ),
    }
    _put(own, team, images)
    for name in ("old", "both"):
        image = images[f"signed/{name}:1"]
        signature = cosign_image([key.payload(image.digest)])
        own.push(f"{team.project.name}/signed/{name}", cosign_tag(image, ".sig"), signature)
    for name in ("new", "both"):
        image = images[f"signed/{name}:1"]
        bundle = bundle_image(key.bundle(image.digest), of=image)
        put_referrers(own, f"{team.project.name}/signed/{name}", image, [bundle], kind=BUNDLE_TYPE)
    return images


def _put(own: RegistryServer, team: Team, images: Mapping[str, Image]) -> None:
    for name, image in images.items():
        repository, _, tag = name.partition(":")
        own.push(f"{team.project.name}/{repository}", tag, image)
        team.image(repository, tag, digest=image.digest, source_image=f"docker.io/library/{name}")


def _zstd_layer(text: str) -> Layer:
    tar = tar_of({"text": text.encode() * 3000})
    content = zstandard.ZstdCompressor().compress(tar)
    return Layer(Blob("application/vnd.oci.image.layer.v1.tar+zstd", content), _sha256(tar))


def _docker_layer(text: str) -> Layer:
    return file_layer({"text": text.encode()}, media_type=DOCKER_LAYER_GZIP)


def _plain_layer() -> Layer:
    tar = tar_of({"plain": b"not compressed"})
    return Layer(Blob(OCI_LAYER, tar), _sha256(tar))


def _sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def put_referrers(
    own: RegistryServer,
    repository: str,
    subject: Image,
    referrers: Iterable[Image],
    *,
    kind: str = "application/vnd.example.sbom",
) -> None:
    """Attaches artifacts to an image under the tag that stands in for the referrers API."""
    entries = []
    for each in referrers:
        own.push(repository, None, each)
        entries.append(each.manifest.descriptor(artifactType=kind))
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    listed = Image(Blob(OCI_INDEX, json.dumps(document).encode()))
    own.push(repository, cosign_tag(subject, ""), listed)


def fetch(url: str, headers: Mapping[str, str]) -> tuple[Any, bytes]:
    """An answer and all of its bytes."""
    answer: Any = Client().get(url, headers=dict(headers))
    return answer, b"".join(answer.streaming_content) if answer.streaming else answer.content
