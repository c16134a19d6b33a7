"""What an import would do: told without writing anything, by HEAD where that is possible."""

from __future__ import annotations

from typing import Any

import pytest

from oci.copy.context import CopyOptions
from oci.copy.observer import MountCandidate
from oci.copy.plan import ImportPlan, make_plan
from oci.errors import OciError
from oci.registry.rate_limit import RateLimit
from oci.registry.repository import Repository
from stack.sample import index_of
from testbed.copying import NoMounts
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry
from tests.oci.attachments import artifact, attestation_of, cosign_tag, index, platform
from tests.oci.copying import client, copier, run

AMD = random_image([40_000, 4_096], seed=121)
ARM = random_image([30_000], seed=122, platform="linux/arm64/v8")
INDEX = index_of([AMD, ARM])
TOTAL = sum(blob.size for blob in INDEX.all_blobs())


def _plan(source: ScriptedRegistry, target: ScriptedRegistry, **more: Any) -> ImportPlan:
    mounts = more.pop("mounts", None) or NoMounts()
    return make_plan(
        Repository(client(source), "library/app"),
        "v1",
        Repository(client(target, "target"), "team/app"),
        "v1",
        options=CopyOptions(**more),
        mounts=mounts,
    )


def test_everything_is_told_and_nothing_is_written(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", INDEX)
    plan = _plan(source, target)
    assert plan.source_digest == INDEX.digest
    assert plan.media_type == INDEX.manifest.media_type
    assert plan.target_digest is None
    assert [(each.platform, each.digest, each.size) for each in plan.platforms] == [
        ("linux/amd64", AMD.digest, sum(blob.size for blob in AMD.blobs)),
        ("linux/arm64/v8", ARM.digest, sum(blob.size for blob in ARM.blobs)),
    ]
    assert (plan.bytes_total, plan.bytes_present, plan.bytes_to_transfer) == (TOTAL, 0, TOTAL)
    assert {each.method for each in target.requests} <= {"GET", "HEAD"}
    assert not source.seen("GET", "/blobs/")


def test_what_the_target_has_need_not_be_read(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", INDEX)
    run(copier(source, target))
    before = len(source.seen("GET", "/manifests/"))
    plan = _plan(source, target)
    assert plan.bytes_present == TOTAL
    assert plan.target_digest == INDEX.digest
    assert [each for each in source.seen("GET", "/manifests/")[before:] if "sha256-" not in each.path] == []


def test_a_chosen_platform_counts_alone(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", INDEX)
    plan = _plan(source, target, platforms=["linux/arm64"])
    assert plan.bytes_total == sum(blob.size for blob in ARM.blobs)
    assert [each.platform for each in plan.platforms] == ["linux/arm64/v8"]
    assert plan.source_platforms == ("linux/amd64", "linux/arm64")


def test_platforms_to_choose_from_have_their_usual_names_once(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    windows = [
        {"platform": {"os": "windows", "architecture": "amd64", "os.version": version}}
        for version in ("10.0.17763.1", "10.0.20348.1")
    ]
    attestation = attestation_of(AMD)
    nameless: dict[str, Any] = {}
    entries = [platform("linux/x86_64"), *windows, nameless]
    image = index([*((AMD, each) for each in entries), attestation])
    source.add_image("library/app", "v1", image)
    assert _plan(source, target).source_platforms == ("linux/amd64", "windows/amd64")


def test_a_single_image_is_its_own_platform(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", AMD)
    (only,) = _plan(source, target).platforms
    assert (only.platform, only.digest) == ("linux/amd64", AMD.digest)
    source.add_image("library/app", "v1", ARM)
    assert _plan(source, target).source_platforms == ("linux/arm64",)
    source.add_image("library/app", "v1", artifact(b"a chart"))
    assert _plan(source, target).source_platforms == ()


@pytest.mark.parametrize(("at_source", "present"), [(True, AMD.blobs[1].size), (False, 0)])
def test_what_could_be_mounted_counts_only_by_the_imports_own_rights(
    source: ScriptedRegistry, target: ScriptedRegistry, at_source: bool, present: int
) -> None:
    source.add_image("library/app", "v1", AMD)
    layer = AMD.blobs[1]
    target.add_blob("other/base", layer.data)
    if not at_source:
        del source.repository("library/app").blobs[layer.digest]

    class Proof(NoMounts):
        def candidates(self, digest: str, *, refresh: bool = True) -> list[MountCandidate]:
            return [MountCandidate("other/base", needs_source_check=True)]

    assert _plan(source, target, mounts=Proof()).bytes_present == present


def test_attachments_are_counted(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", INDEX)
    source.add_image("library/app", cosign_tag(INDEX, ".sig"), artifact(b"signature"))
    assert _plan(source, target).referrers == 1
    assert _plan(source, target, include_referrers=False).referrers == 0


def test_the_rate_limit_is_told(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", INDEX)
    source.extra_headers = [("RateLimit-Limit", "100;w=21600"), ("RateLimit-Remaining", "99;w=21600")]
    assert _plan(source, target).rate_limit == RateLimit(100, 99, 21600)


def test_a_source_that_cannot_be_read_says_so(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    with pytest.raises(OciError) as caught:
        _plan(source, target)
    assert caught.value.code == "not_found"
