"""Signatures, SBOMs and attestations come along with their image and its children."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from oci.copy.referrers import is_attachment_tag
from oci.errors import OciError
from oci.registry.repository import Repository
from stack.sample import index_of
from testbed.images import random_image
from testbed.scripted_http import Reply
from testbed.scripted_registry import ScriptedRegistry, refuse, too_many
from tests.oci.attachments import artifact, cosign_tag
from tests.oci.copying import Recorder, client, copier, run

CHILD = random_image([4_096], seed=81)
INDEX = index_of([CHILD, random_image([4_096], seed=82, platform="linux/arm64")])
SBOM = artifact(b"sbom of the child", of=CHILD)
SIGNATURE = artifact(
    b"signature of the index", of=INDEX, kind="application/vnd.dev.cosign.artifact.sig.v1+json"
)
SIGNED_SBOM = artifact(b"signature of the sbom", of=SBOM)
COSIGN = artifact(b"cosign's signature")
HEX = "a" * 64
Make = Callable[..., ScriptedRegistry]


def _fill(source: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", INDEX)
    for each in (SBOM, SIGNATURE, SIGNED_SBOM):
        source.add_image("library/app", each.digest, each)


def _tags(registry: ScriptedRegistry) -> set[str]:
    return {each for each in registry.repository("team/app").manifests if ":" not in each}


def test_between_registries_with_the_referrers_api(make_scripted: Make) -> None:
    source, target = make_scripted(referrers_api=True), make_scripted(referrers_api=True)
    _fill(source)
    observer = Recorder()
    result = run(copier(source, target, observer=observer))
    assert result.referrers == 3
    assert sum(each.size for each in observer.planned) > result.image.size
    there = target.repository("team/app")
    for each in (SBOM, SIGNATURE, SIGNED_SBOM):
        assert there.manifests[each.digest][1] == each.manifest.data
        assert each.blobs[1].digest in there.blobs
    assert _tags(target) == {"v1"}, "no stand-in tag where there is an API"


def test_they_are_pushed_after_the_image_and_before_the_tag(make_scripted: Make) -> None:
    source, target = make_scripted(referrers_api=True), make_scripted(referrers_api=True)
    _fill(source)
    run(copier(source, target))
    order = [each.path.rpartition("/")[2] for each in target.seen("PUT", "/manifests/")]
    assert order.index(INDEX.digest) < order.index(SIGNATURE.digest) < order.index("v1") == len(order) - 1


def test_a_target_without_the_api_gets_the_tag_that_stands_in_for_it(make_scripted: Make) -> None:
    source, target = make_scripted(referrers_api=True), make_scripted(referrers_api=False)
    _fill(source)
    run(copier(source, target))
    assert _tags(target) == {"v1", cosign_tag(INDEX, ""), cosign_tag(CHILD, ""), cosign_tag(SBOM, "")}
    listed = json.loads(target.repository("team/app").manifests[cosign_tag(CHILD, "")][1])
    assert listed["manifests"] == [
        SBOM.manifest.descriptor(
            artifactType="application/vnd.example.sbom", annotations={"org.example.made-by": "tests"}
        )
    ]


def test_what_stood_in_the_tag_already_stays(make_scripted: Make) -> None:
    source, target = make_scripted(referrers_api=True), make_scripted(referrers_api=False)
    _fill(source)
    own = artifact(b"the team's own signature", of=CHILD)
    target.add_image("team/app", own.digest, own)
    listing = {
        "schemaVersion": 2,
        "mediaType": INDEX.manifest.media_type,
        "manifests": [own.manifest.descriptor()],
    }
    target.add_manifest(
        "team/app", cosign_tag(CHILD, ""), json.dumps(listing).encode(), INDEX.manifest.media_type
    )
    run(copier(source, target))
    listed = json.loads(target.repository("team/app").manifests[cosign_tag(CHILD, "")][1])
    assert {each["digest"] for each in listed["manifests"]} == {own.digest, SBOM.digest}


def test_a_repetition_changes_nothing(make_scripted: Make) -> None:
    source, target = make_scripted(referrers_api=True), make_scripted(referrers_api=False)
    _fill(source)
    run(copier(source, target))
    before = dict(target.repository("team/app").manifests)
    run(copier(source, target))
    assert target.repository("team/app").manifests == before


def test_a_source_without_the_api_is_read_by_the_tag_that_stands_in(make_scripted: Make) -> None:
    source, target = make_scripted(referrers_api=False), make_scripted(referrers_api=True)
    _fill(source)
    listing = {
        "schemaVersion": 2,
        "mediaType": INDEX.manifest.media_type,
        "manifests": [SBOM.manifest.descriptor()],
    }
    source.add_manifest(
        "library/app", cosign_tag(CHILD, ""), json.dumps(listing).encode(), INDEX.manifest.media_type
    )
    assert run(copier(source, target)).referrers == 1
    assert SBOM.digest in target.repository("team/app").manifests


def test_the_api_is_probed_once(
    make_scripted: Make, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    _fill(source)
    run(copier(source, target, parallel=1))
    assert len(source.seen("GET", "/referrers/")) == 1


@pytest.mark.parametrize("suffix", [".sig", ".att", ".sbom"])
def test_cosigns_tags_come_along_for_image_and_children(
    source: ScriptedRegistry, target: ScriptedRegistry, suffix: str
) -> None:
    source.add_image("library/app", "v1", INDEX)
    for image in (INDEX, CHILD):
        source.add_image("library/app", cosign_tag(image, suffix), COSIGN)
    run(copier(source, target))
    assert _tags(target) == {"v1", cosign_tag(INDEX, suffix), cosign_tag(CHILD, suffix)}
    assert target.repository("team/app").manifests[cosign_tag(CHILD, suffix)][1] == COSIGN.manifest.data


def test_they_can_be_left_out(make_scripted: Make, target: ScriptedRegistry) -> None:
    source = make_scripted(referrers_api=True)
    _fill(source)
    source.add_image("library/app", cosign_tag(INDEX, ".sig"), COSIGN)
    assert run(copier(source, target, include_referrers=False)).referrers == 0
    assert _tags(target) == {"v1"}
    assert not source.seen("GET", "/referrers/")


def test_an_attachment_that_cannot_be_read_is_left_out_with_a_note(
    make_scripted: Make, target: ScriptedRegistry
) -> None:
    source = make_scripted(referrers_api=True)
    _fill(source)
    source.rule("GET", f"/manifests/{SBOM.digest}", refuse(404, "MANIFEST_UNKNOWN"))
    origin = Repository(client(source), "library/app")
    result = run(copier(origin, target))
    assert result.image.digest == INDEX.digest
    assert SBOM.digest not in target.repository("team/app").manifests
    assert any("was not imported" in template for template, _ in origin.notes)


def test_a_passing_fault_does_not_lose_them(make_scripted: Make, target: ScriptedRegistry) -> None:
    source = make_scripted(referrers_api=True)
    _fill(source)
    source.rule("GET", "/referrers/", too_many("3600"))
    with pytest.raises(OciError) as caught:
        run(copier(source, target))
    assert caught.value.code == "rate_limited"
    assert "v1" not in target.repository("team/app").manifests


def _asked_for_referrers(source: ScriptedRegistry, target: ScriptedRegistry, reply: Reply) -> int:
    source.add_image("library/app", "v1", CHILD)
    source.rule("GET", "/referrers/", reply)
    for _ in range(2):
        run(copier(source, target))
    return len(source.seen("GET", "/referrers/"))


def test_a_registry_that_knows_no_such_path_is_asked_once_for_all_imports(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    nothing = Reply(404, [("Content-Type", "text/plain; charset=utf-8")], b"404 page not found\n")
    assert _asked_for_referrers(source, target, nothing) == 1


def test_what_a_registry_says_of_one_repository_holds_for_no_other(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    unknown = Reply(404, [("Content-Type", "application/json")], b'{"errors": [{"code": "NAME_UNKNOWN"}]}')
    assert _asked_for_referrers(source, target, unknown) == 2


@pytest.mark.parametrize(
    "tag", [f"sha256-{HEX}", f"sha256-{HEX}.sig", f"sha256-{HEX}.att", f"sha256-{HEX}.sbom"]
)
def test_cosigns_tags_and_the_stand_in_for_referrers_are_attachments(tag: str) -> None:
    assert is_attachment_tag(tag)


@pytest.mark.parametrize(
    "tag", ["latest", "sha256", f"sha256-{HEX[:-1]}", f"sha256-{HEX}.tar", f"v-sha256-{HEX}", ""]
)
def test_everything_else_is_an_images_tag(tag: str) -> None:
    assert not is_attachment_tag(tag)
