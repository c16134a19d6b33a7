"""Chosen platforms: which children come, and what becomes of the index."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from oci.errors import OciError
from stack.sample import DOCKER_LIST
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry
from tests.oci.attachments import artifact, attestation_of, index, platform
from tests.oci.copying import copier, run

AMD = random_image([4_096], seed=91)
ARM = random_image([5_120], seed=92, platform="linux/arm64")
ARM_V6 = random_image([6_144], seed=93, platform="linux/arm/v6")
ARM_V7 = random_image([7_168], seed=94, platform="linux/arm/v7")
INDEX = index(
    [
        (AMD, platform("linux/amd64")),
        attestation_of(AMD),
        (ARM, platform("linux/arm64")),
        attestation_of(ARM),
        (ARM_V6, platform("linux/arm/v6")),
        (ARM_V7, platform("linux/arm/v7")),
    ]
)
Make = Callable[..., ScriptedRegistry]


def _children(registry: ScriptedRegistry, reference: str = "v1") -> list[str]:
    body = registry.repository("team/app").manifests[reference][1]
    return [each["digest"] for each in json.loads(body)["manifests"]]


def test_a_target_that_takes_gaps_keeps_the_index_and_its_digest(
    source: ScriptedRegistry, make_scripted: Make
) -> None:
    target = make_scripted(sparse=True)
    source.add_image("library/app", "v1", INDEX)
    result = run(copier(source, target, platforms=["linux/amd64"]))
    assert result.image.digest == result.source_digest == INDEX.digest
    assert result.image.platforms == ("linux/amd64",)
    there = target.repository("team/app")
    assert there.manifests["v1"][1] == INDEX.manifest.data
    assert AMD.digest in there.manifests and ARM.digest not in there.manifests


def test_another_target_gets_an_index_of_what_came_and_both_digests_are_told(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", INDEX)
    result = run(copier(source, target, platforms=["linux/amd64"]))
    assert result.source_digest == INDEX.digest != result.image.digest
    assert result.image.digest in target.repository("team/app").manifests
    attestation = attestation_of(AMD)[0]
    assert _children(target) == [AMD.digest, attestation.digest], "attestations stay with their image"


def test_a_variant_is_taken_exactly_and_its_absence_means_all(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", INDEX)
    run(copier(source, target, platforms=["linux/arm/v7"]))
    assert _children(target) == [ARM_V7.digest]
    run(copier(source, target, platforms=["linux/arm"], to="team/app:all"))
    assert _children(target, "all") == [ARM_V6.digest, ARM_V7.digest]


def test_all_platforms_by_name_leave_the_index_as_it_is(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", INDEX)
    wanted = ["linux/amd64", "linux/arm64", "linux/arm/v6", "linux/arm/v7"]
    assert run(copier(source, target, platforms=wanted)).image.digest == INDEX.digest


def test_a_platform_that_is_not_there_is_not_found_and_the_rest_is_listed(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", INDEX)
    with pytest.raises(OciError, match="linux/amd64") as caught:
        run(copier(source, target, platforms=["linux/amd64", "windows/amd64"]))
    assert caught.value.code == "not_found"
    assert not target.repository("team/app").blobs


def test_a_child_whose_entry_names_no_platform_is_known_by_its_configuration(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", index([(AMD, {}), (ARM, {})]))
    assert run(copier(source, target, platforms=["linux/arm64"]))
    assert _children(target) == [ARM.digest]


def test_a_nested_index_is_cut_too(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    inner = index([(AMD, platform("linux/amd64")), (ARM, platform("linux/arm64"))])
    source.add_image("library/app", "v1", index([(inner, {}), (ARM_V7, platform("linux/arm/v7"))]))
    result = run(copier(source, target, platforms=["linux/arm64"]))
    assert result.image.platforms == ("linux/arm64",)
    (nested,) = _children(target)
    assert nested != inner.digest
    assert _children(target, nested) == [ARM.digest]
    (child,) = result.image.children
    assert (child.digest, child.size) == (nested, sum(len(blob.data) for blob in ARM.all_blobs()))


def test_mixed_docker_and_oci_children_come_as_they_are(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    mixed = index([(AMD, platform("linux/amd64")), (artifact(b"chart"), {})], media_type=DOCKER_LIST)
    source.add_image("library/app", "v1", mixed)
    assert run(copier(source, target)).image.digest == mixed.digest
    assert target.repository("team/app").manifests["v1"][0] == DOCKER_LIST


def test_a_single_image_of_the_wanted_platform_comes(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", ARM)
    assert run(copier(source, target, platforms=["linux/arm64/v8"])).image.digest == ARM.digest


def test_a_single_image_of_another_platform_is_not_found(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", ARM)
    with pytest.raises(OciError, match="is for linux/arm64") as caught:
        run(copier(source, target, platforms=["linux/amd64"]))
    assert caught.value.code == "not_found"


def test_an_artifact_has_no_platform_to_choose(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", artifact(b"chart"))
    with pytest.raises(OciError, match="doesn't declare a platform") as caught:
        run(copier(source, target, platforms=["linux/amd64"]))
    assert caught.value.code == "not_found"


def test_a_malformed_platform_is_refused_before_anything_is_asked(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    with pytest.raises(OciError) as caught:
        copier(source, target, platforms=["amd64"])
    assert caught.value.code == "invalid_reference"
    assert not source.requests


def test_a_tag_that_names_the_smaller_index_already_is_no_conflict(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", INDEX)
    first = run(copier(source, target, platforms=["linux/amd64"]))
    second = run(copier(source, target, platforms=["linux/amd64"], overwrite=False))
    assert first.image.digest == second.image.digest
