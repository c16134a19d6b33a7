"""Which platform a blob is for: one that the images of several name is for none of them alone."""

from __future__ import annotations

from collections.abc import Callable

from stack.sample import Image, image_of
from testbed.images import random_image, random_layer
from testbed.scripted_registry import ScriptedRegistry
from tests.oci.attachments import EMPTY, artifact, attestation_of, cosign_tag, index, platform
from tests.oci.copying import Recorder, copier, run

Make = Callable[..., ScriptedRegistry]

BASE, OWN = random_layer(4_000, seed=1), random_layer(5_000, seed=2)
AMD, ARM = image_of([BASE, OWN]), image_of([BASE], platform="linux/arm/v7")


def planned(make_scripted: Make, image: Image, **attached: Image) -> dict[str, str]:
    """Platforms by the digests of blobs, as an import of the image is told; ``attached`` by cosign's suffix goes to its
    first child."""
    source, target = make_scripted(referrers_api=True), make_scripted(referrers_api=True)
    source.add_image("library/app", "v1", image)
    for suffix, each in attached.items():
        source.add_image("library/app", cosign_tag(image.children[0], f".{suffix}"), each)
    observer = Recorder()
    run(copier(source, target, observer=observer))
    return {each.digest: each.platform for each in observer.planned}


def test_a_blob_is_for_the_platform_whose_image_names_it(make_scripted: Make) -> None:
    found = planned(make_scripted, index([(AMD, platform("linux/amd64")), (ARM, platform("linux/arm/v7"))]))
    assert found == {
        AMD.blobs[0].digest: "linux/amd64",
        OWN.blob.digest: "linux/amd64",
        ARM.blobs[0].digest: "linux/arm/v7",
        BASE.blob.digest: "",
    }


def test_what_is_said_about_an_image_is_for_its_platform(make_scripted: Make) -> None:
    attestation, entry = attestation_of(ARM)
    sbom = artifact(b"sbom")
    children = [(attestation, entry), (AMD, platform("linux/amd64")), (ARM, platform("linux/arm/v7"))]
    signature = artifact(b"signature")
    image = index([children[1], children[2], children[0]])
    found = planned(make_scripted, image, sig=signature, sbom=sbom)
    assert found[attestation.blobs[1].digest] == "linux/arm/v7"
    assert found[signature.blobs[1].digest] == found[sbom.blobs[1].digest] == "linux/amd64"
    assert found[EMPTY.digest] == ""
    assert planned(make_scripted, index(children))[attestation.blobs[1].digest] == "linux/arm/v7"


def test_what_refers_to_an_image_is_for_its_platform_and_so_is_what_refers_to_that(
    make_scripted: Make,
) -> None:
    source, target = make_scripted(referrers_api=True), make_scripted(referrers_api=True)
    source.add_image(
        "library/app", "v1", index([(AMD, platform("linux/amd64")), (ARM, platform("linux/arm64"))])
    )
    sbom = artifact(b"sbom", of=ARM)
    signature = artifact(b"signature", of=sbom)
    for each in (sbom, signature):
        source.add_image("library/app", each.digest, each)
    observer = Recorder()
    run(copier(source, target, observer=observer))
    found = {each.digest: each.platform for each in observer.planned}
    assert found[sbom.blobs[1].digest] == found[signature.blobs[1].digest] == "linux/arm64"


def test_no_platform_is_said_where_no_index_says_it(make_scripted: Make) -> None:
    image = random_image([4_000])
    assert set(planned(make_scripted, image).values()) == {""}
    assert set(planned(make_scripted, index([(image, {})])).values()) == {""}
    both = index([(image, platform("linux/amd64")), (image, platform("linux/arm64"))])
    assert set(planned(make_scripted, both).values()) == {""}
