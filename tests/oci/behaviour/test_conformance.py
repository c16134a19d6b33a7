"""What registries hold beyond plain images arrives with the same bytes: at a scripted registry and at Distribution."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from stack.sample import OCI_LAYER, OCI_MANIFEST, Blob, Image
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry
from testbed.services import RegistryServer
from tests.oci.attachments import EMPTY, artifact, attestation_of, cosign_tag, index, platform
from tests.oci.copying import copier, run

AMD = random_image([4_000, 3_000], seed=51)
ARM = random_image([5_000], seed=52, platform="linux/arm64")
CUSTOM: dict[str, Any] = {"x-vendor": {"deep": [1, None, {"a": 2.5}]}}
ABSENT = {"mediaType": OCI_MANIFEST, "digest": "sha256:" + "0" * 64, "size": 123}


@dataclass(frozen=True)
class Sha512(Blob):
    """A blob that its manifest names by SHA-512."""

    @property
    def digest(self) -> str:
        return f"sha512:{hashlib.sha512(self.data).hexdigest()}"


def manifest(blobs: list[Blob], *, config: Blob = EMPTY, body: bytes | None = None, **more: Any) -> Image:
    """An image manifest with anything in it."""
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": config.descriptor(),
        "layers": [blob.descriptor() for blob in blobs],
        **more,
    }
    return Image(Blob(OCI_MANIFEST, body or json.dumps(document).encode()), (config, *blobs))


def with_data() -> Image:
    note = Blob("text/plain", b"embedded")
    entry = note.descriptor(data=base64.b64encode(note.data).decode())
    return manifest([note], layers=[entry])


def oddly_written() -> Image:
    """Bytes that no serialiser of ours would make: order, blanks, escapes, numbers, a line break at the end."""
    layer = Blob(OCI_LAYER, b"odd")
    body = (
        f'{{ "layers" : [ {json.dumps(layer.descriptor())} ],'
        '\t"x-vendor": {"ratio": 1.50, "big": 9007199254740993, "name": "\\u00e9\\ud83d\\ude00"},\n'
        f'"config":{json.dumps(EMPTY.descriptor())}, "annotations":{{"org.example.empty":""}},'
        f'"mediaType":"{OCI_MANIFEST}" ,"schemaVersion" :2}}\n'
    )
    return manifest([layer], body=body.encode())


CONTENT: dict[str, Image] = {
    "an index in an index": index(
        [(index([(AMD, platform("linux/amd64"))]), {}), (ARM, platform("linux/arm64"))]
    ),
    "an attestation in an index": index([(AMD, platform("linux/amd64")), attestation_of(AMD)]),
    "an artifact without layers": manifest([], artifactType="application/vnd.example.nothing"),
    "an empty blob": manifest([Blob(OCI_LAYER, b"")]),
    "unknown media types": manifest(
        [Blob("application/vnd.example.weights.v7+zstd", b"weights")],
        config=Blob("application/x-unheard-of", b"?"),
    ),
    "data in a descriptor": with_data(),
    "a subject that is not there": manifest([Blob(OCI_LAYER, b"orphan")], subject=ABSENT),
    "custom fields": manifest([Blob(OCI_LAYER, b"custom")], **CUSTOM),
    "odd bytes": oddly_written(),
}


@pytest.mark.parametrize("name", CONTENT)
@pytest.mark.parametrize("kind", ["scripted", "distribution"])
def test_it_arrives_with_the_same_digest(
    source: ScriptedRegistry, target: ScriptedRegistry, registry: RegistryServer, name: str, kind: str
) -> None:
    image = CONTENT[name]
    source.add_image("library/app", "v1", image)
    to = f"conformance/{name.replace(' ', '-')}"
    result = run(copier(source, target if kind == "scripted" else registry, to=f"{to}:v1"))
    assert result.image.digest == result.source_digest == image.digest
    if kind == "distribution":
        found = registry.verify(to, "v1")
        assert (found.digest, found.manifests) == (image.digest, len(image.all_manifests()))
    else:
        there = target.repository(to)
        assert there.manifests["v1"][1] == image.manifest.data
        assert {blob.digest: blob.data for blob in image.all_blobs()}.items() <= there.blobs.items()


@pytest.mark.parametrize("kind", ["scripted", "distribution"])
def test_a_layer_named_by_sha512_arrives_under_that_name(
    source: ScriptedRegistry, target: ScriptedRegistry, registry: RegistryServer, kind: str
) -> None:
    layer = Sha512(OCI_LAYER, b"by another hash" * 1_000)
    image = manifest([layer])
    source.add_image("library/app", "v1", image)
    result = run(copier(source, target if kind == "scripted" else registry, to="conformance/sha512:v1"))
    assert result.image.digest == image.digest
    if kind == "distribution":
        assert registry.verify("conformance/sha512", "v1").blobs == 2
    else:
        assert target.repository("conformance/sha512").blobs[layer.digest] == layer.data


def test_signatures_and_sboms_of_index_and_children_arrive(
    make_scripted: Callable[..., ScriptedRegistry], registry: RegistryServer
) -> None:
    """By cosign's tags and by the referrers API, which Distribution lacks: the tag that stands in for it is made."""
    source = make_scripted(referrers_api=True)
    image = index([(AMD, platform("linux/amd64")), (ARM, platform("linux/arm64"))])
    source.add_image("library/app", "v1", image)
    expected: dict[str, str] = {}
    for subject in (image, AMD, ARM):
        signature, sbom = (
            artifact(subject.digest.encode()),
            artifact(subject.digest[::-1].encode(), of=subject),
        )
        source.add_image("library/app", cosign_tag(subject, ".sig"), signature)
        source.add_image("library/app", sbom.digest, sbom)
        expected |= {cosign_tag(subject, ".sig"): signature.digest, sbom.digest: sbom.digest}
    result = run(copier(source, registry, to="conformance/signed:v1"))
    assert result.image.digest == image.digest
    for name, digest in expected.items():
        assert registry.verify("conformance/signed", name).digest == digest
    for subject in (image, AMD, ARM):
        stand_in = registry.verify("conformance/signed", subject.digest.replace(":", "-"))
        assert stand_in.manifests == 2  # the list, and the SBOM that it names
