"""Signatures by cosign's tags: those of both sides are kept in one image, and nothing is lost or made up."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from stack.sample import OCI_MANIFEST
from testbed.scripted_registry import ScriptedRegistry
from tests.oci.attachments import IMAGE, SIG, cosign_tag, filled, named, signature
from tests.oci.copying import copier, run


def _signed(source: ScriptedRegistry, *payloads: str, tag: str = SIG) -> None:
    filled(source).add_image("library/app", tag, signature(*payloads))


def _payloads(target: ScriptedRegistry) -> list[str]:
    blobs = target.repository("team/app").blobs
    return [blobs[layer["digest"]].decode() for layer in json.loads(named(target))["layers"]]


def test_what_a_tag_of_signatures_names_stays_and_is_noted_where_nothing_is_overwritten(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    _signed(source, "upstream")
    target.add_image("team/app", SIG, signature("company"))
    result = run(copier(source, target, overwrite=False))
    assert named(target) == signature("company").manifest.data
    assert [params for template, params in result.notes if "was not changed" in template] == [{"tag": SIG}]


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_tag_of_signatures_that_is_free_is_put_whatever_may_be_overwritten(
    source: ScriptedRegistry, target: ScriptedRegistry, overwrite: bool
) -> None:
    _signed(source, "upstream")
    for _ in range(2):
        result = run(copier(source, target, overwrite=overwrite))
        assert named(target) == signature("upstream").manifest.data
        assert result.notes == ()


def test_the_projects_own_signatures_stay_beside_those_that_come(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    _signed(source, "upstream", "vendor")
    target.add_image("team/app", SIG, signature("company", "vendor"))
    result = run(copier(source, target))
    assert _payloads(target) == ["company", "vendor", "upstream"]
    manifest = json.loads(named(target))
    config = json.loads(target.repository("team/app").blobs[manifest["config"]["digest"]])
    assert config["rootfs"]["diff_ids"] == [layer["digest"] for layer in manifest["layers"]]
    assert result.notes == ()
    before = named(target)
    run(copier(source, target))
    assert named(target) == before, "a repetition changes nothing"


def test_two_signatures_of_one_payload_are_two(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    """Both signed the same words, so the layers have one digest; the signatures are in the annotations."""
    _signed(source, "upstream")
    theirs = json.loads(signature("upstream").manifest.data)
    theirs["layers"][0]["annotations"] = {"dev.cosignproject.cosign/signature": "by another key"}
    target.add_image("team/app", "x", signature("upstream"))
    target.add_manifest("team/app", SIG, json.dumps(theirs).encode(), OCI_MANIFEST)
    run(copier(source, target))
    assert _payloads(target) == ["upstream", "upstream"]


@pytest.mark.parametrize(
    ("theirs", "ours", "left"),
    [
        (["company", "upstream"], ["upstream"], ["company", "upstream"]),
        (["upstream"], ["upstream", "vendor"], ["upstream", "vendor"]),
    ],
)
def test_where_one_has_all_signatures_of_the_other_it_is_taken_byte_for_byte(
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    theirs: Sequence[str],
    ours: Sequence[str],
    left: Sequence[str],
) -> None:
    _signed(source, *ours)
    target.add_image("team/app", SIG, signature(*theirs))
    run(copier(source, target))
    assert named(target) == signature(*left).manifest.data


def test_of_sboms_the_newer_counts_and_the_older_is_named(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    tag = cosign_tag(IMAGE, ".sbom")
    _signed(source, "upstream", tag=tag)
    target.add_image("team/app", tag, signature("company"))
    result = run(copier(source, target))
    assert named(target, tag) == signature("upstream").manifest.data
    assert result.notes[0][1] == {"tag": tag, "digest": signature("company").digest}


def test_signatures_whose_payload_the_target_lost_do_not_fail_the_import(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    _signed(source, "upstream")
    broken = signature("company")
    target.add_image("team/app", SIG, broken)
    del target.repository("team/app").blobs[broken.blobs[1].digest]
    result = run(copier(source, target))
    assert _payloads(target) == ["upstream"]
    assert result.notes[0][1]["digest"] == broken.digest
