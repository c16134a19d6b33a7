"""What a collection must not take, in the files of real registries, and when it says nothing of them at all."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass

import pytest
import requests

from projects.registry.delete import delete_tag
from projects.retention.marking import Keeping
from stack.sample import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, Blob, Image
from testbed.services import RegistryServer
from tests.projects.retention.files import (
    age,
    attach,
    has_blob,
    keeping,
    layers_of,
    put_tag,
    sweep,
    two_platforms,
)

HOUR = 3600


@dataclass(frozen=True)
class Hashed(Blob):
    """A blob that its manifest names by another hash than the one by which the registry keeps it."""

    algorithm: str = "sha512"

    @property
    def digest(self) -> str:
        return f"{self.algorithm}:{hashlib.new(self.algorithm, self.data).hexdigest()}"

    @property
    def kept_as(self) -> str:
        return f"sha256:{hashlib.sha256(self.data).hexdigest()}"


def image_with(*layers: Blob, **more: object) -> Image:
    config = Blob(OCI_CONFIG, b'{"rootfs":{}}')
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": config.descriptor(),
        "layers": [layer.descriptor() for layer in layers],
        **more,
    }
    return Image(Blob(OCI_MANIFEST, json.dumps(document).encode()), (config, *layers))


@pytest.mark.parametrize("algorithm", ["sha512", "sha384"])
def test_a_layer_that_its_manifest_names_by_another_hash_stays(own: RegistryServer, algorithm: str) -> None:
    layer = Hashed(OCI_LAYER, b"by another hash" * 1_000, algorithm)
    own.push("team/app", "1", image_with(layer))
    sweep(own)
    answer = requests.get(f"{own.url}/v2/team/app/blobs/{layer.digest}", timeout=10)
    assert (answer.status_code, answer.content) == (200, layer.data)


def test_a_layer_by_another_hash_goes_with_its_image(own: RegistryServer) -> None:
    layer = Hashed(OCI_LAYER, b"by another hash" * 1_000)
    own.push("team/app", "1", image_with(layer))
    delete_tag(repository="team/app", tag="1")
    sweep(own)
    assert not has_blob(own, layer.kept_as)


def test_an_image_whose_tag_is_its_own_digest_stays(own: RegistryServer) -> None:
    """As oc-mirror names what it has by digest only. The name is that of a list of attachments."""
    image = two_platforms(10)
    tag = image.digest.replace(":", "-")
    own.push("team/app", tag, image)
    sweep(own)
    assert own.verify("team/app", tag).digest == image.digest


def test_what_a_tag_named_until_lately_stays_and_goes_later(own: RegistryServer) -> None:
    before, after = two_platforms(10), two_platforms(20)
    own.push("team/app", "1", before)
    age(own, days=30)
    own.push("team/app", "1", after)
    what = keeping(young=time.time() - HOUR)
    sweep(own, what)
    assert own.verify("team/app", before.digest).digest == before.digest
    age(own, days=20)
    sweep(own, what)
    assert not any(has_blob(own, digest) for digest in (before.digest, *layers_of(before)))
    assert own.verify("team/app", "1").digest == after.digest


@pytest.mark.parametrize(("seconds", "stays"), [(-HOUR, True), (HOUR, False)], ids=["before", "since"])
def test_what_was_given_up_goes_unless_it_was_pushed_again_since(
    own: RegistryServer, seconds: int, stays: bool
) -> None:
    image = two_platforms(10)
    own.push("team/app", None, image)
    sweep(own, keeping(young=time.time() - HOUR, let_go={image.digest: time.time() + seconds}))
    assert [has_blob(own, digest) for digest in layers_of(image)] == [stays] * len(layers_of(image))


def test_what_is_attached_to_what_comes_back_comes_back_too(own: RegistryServer) -> None:
    image = two_platforms(10)
    own.push("team/app", "1", image)
    signature = attach(own, "team/app", image.digest, 1)
    descriptor = {"mediaType": image.manifest.media_type, "digest": image.digest, "size": image.manifest.size}
    report = image_with(Blob(OCI_LAYER, b"a report"), subject=descriptor)
    about_it = image_with(
        Blob(OCI_LAYER, b"who made the report"),
        subject={"mediaType": OCI_MANIFEST, "digest": report.digest, "size": report.manifest.size},
    )
    for each in (report, about_it):
        own.push("team/app", None, each)
    delete_tag(repository="team/app", tag="1")
    looks: list[int] = []

    def what() -> Keeping:
        looks.append(1)
        if len(looks) == 2:  # what goes has been moved aside by now
            put_tag(own, "1", image.digest)
        return keeping()()

    sweep(own, what)
    assert own.verify("team/app", "1").digest == image.digest
    assert own.verify("team/app", image.digest.replace(":", "-") + ".sig").digest == signature.digest
    for each in (report, about_it):
        assert own.verify("team/app", each.digest).digest == each.digest
