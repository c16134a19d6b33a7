"""Choosing platforms from an index, and cutting it."""

from __future__ import annotations

import json

import pytest

from oci.errors import OciError
from oci.spec import media_types
from oci.spec.manifest import Manifest, parse_manifest
from oci.spec.platform import Platform
from oci.spec.selection import choose, is_wanted, platform_names, platform_of_config, subset_index
from tests.oci.manifests import attestation, body_of, child, descriptor, index


def parsed(*children: dict[str, object], **changes: object) -> Manifest:
    return parse_manifest(body_of(index(*children, **changes)), None, expected_digest=None)


def wishes(*texts: str) -> list[Platform]:
    return [Platform.parse(text) for text in texts]


def chosen(manifest: Manifest, *texts: str) -> str:
    """The letters of the digests of all chosen children."""
    return "".join(entry.digest[7] for entry in choose(manifest, wishes(*texts)).children)


MULTI = parsed(
    child("a", "linux/amd64"),
    child("b", "linux/arm64/v8"),
    child("c", "linux/arm/v6"),
    child("d", "linux/arm/v7"),
    attestation("e", of="a"),
    attestation("f", of="b"),
)


@pytest.mark.parametrize(
    ("texts", "letters"),
    [
        (["linux/amd64"], "ae"),
        (["linux/arm64"], "bf"),
        (["linux/aarch64", "linux/amd64"], "abef"),
        (["linux/arm"], "cd"),
        (["linux/arm/v7"], "d"),
        (["linux/arm/v7", "linux/arm/v7"], "d"),
    ],
)
def test_children_are_chosen_with_their_attestations_in_the_order_of_the_index(
    texts: list[str], letters: str
) -> None:
    assert chosen(MULTI, *texts) == letters


def test_the_child_without_variant_is_meant_where_there_is_one() -> None:
    manifest = parsed(child("a", "linux/amd64"), child("b", "linux/amd64/v3"))
    assert chosen(manifest, "linux/amd64") == "a"
    assert chosen(manifest, "linux/amd64/v3") == "b"


def test_a_platform_that_is_not_there_is_named_with_what_is() -> None:
    with pytest.raises(OciError) as refused:
        choose(MULTI, wishes("linux/amd64", "linux/s390x"))
    assert refused.value.code == "not_found"
    assert "not available for linux/s390x" in str(refused.value)
    assert "linux/amd64, linux/arm64/v8, linux/arm/v6, linux/arm/v7." in str(refused.value)


def test_an_index_that_names_no_platform_says_so() -> None:
    with pytest.raises(OciError, match="declares no platforms"):
        choose(parsed(child("a")), wishes("linux/amd64"))


def test_versions_tell_windows_images_apart() -> None:
    old, new = child("a", "windows/amd64"), child("b", "windows/amd64")
    old["platform"]["os.version"], new["platform"]["os.version"] = "10.0.17763.1", "10.0.20348.9"
    manifest = parsed(old, new)
    assert chosen(manifest, "windows(10.0.20348)/amd64") == "b"
    assert chosen(manifest, "windows/amd64") == "ab"


def test_children_that_name_no_platform_are_chosen_by_what_is_known_of_them() -> None:
    manifest = parsed(child("a"), child("b", mediaType=media_types.OCI_INDEX), child("c"))
    known = {
        "sha256:" + "a" * 64: wishes("linux/amd64"),
        "sha256:" + "b" * 64: wishes("linux/arm64", "linux/386"),
    }
    selection = choose(manifest, wishes("linux/386"), known=known)
    assert [entry.digest[7] for entry in selection.images] == ["b"]
    assert not selection.complete


def test_an_attestation_is_no_platform_of_its_own() -> None:
    with pytest.raises(OciError, match="not available for unknown/unknown"):
        choose(MULTI, wishes("unknown/unknown"))


def test_choosing_everything_leaves_the_index_as_it_is() -> None:
    selection = choose(MULTI, wishes("linux/amd64", "linux/arm64", "linux/arm"))
    assert selection.complete
    kept = subset_index(MULTI, {entry.digest for entry in selection.children})
    assert kept is MULTI


def test_a_digest_that_two_entries_name_is_kept_for_both() -> None:
    manifest = parsed(child("a", "linux/arm/v7"), child("a", "linux/arm64"), child("b", "linux/amd64"))
    assert chosen(manifest, "linux/arm64") == "aa"


def test_an_annotation_makes_no_attestation_of_an_image_with_a_platform() -> None:
    claims = attestation("b", of="a") | {"platform": {"os": "linux", "architecture": "arm64"}}
    manifest = parsed(child("a", "linux/amd64"), claims)
    assert platform_names(manifest.manifests) == ("linux/amd64", "linux/arm64")
    assert chosen(manifest, "linux/amd64") == "a"
    assert chosen(manifest, "linux/arm64") == "b"


def test_platforms_are_listed_once_and_without_attestations() -> None:
    manifest = parsed(
        child("a", "linux/amd64"), child("b", "linux/amd64"), child("c"), attestation("e", of="a")
    )
    assert platform_names(manifest.manifests) == ("linux/amd64",)


def test_a_single_image_is_wanted_or_not() -> None:
    assert is_wanted(Platform.parse("linux/arm64/v8"), wishes("linux/amd64", "linux/arm64"))
    assert is_wanted(Platform.parse("linux/amd64/v3"), wishes("linux/amd64"))
    assert not is_wanted(Platform.parse("linux/amd64"), wishes("linux/arm64"))


# --- cutting ------------------------------------------------------------------------------------------------
def test_a_cut_index_keeps_everything_else() -> None:
    whole = parsed(
        child("a", "linux/amd64", future={"x": [1]}),
        child("b", "linux/arm64"),
        annotations={"名": "值"},
        subject=descriptor(),
        artifactType="a/b",
        future=True,
    )
    cut = subset_index(whole, {"sha256:" + "a" * 64})
    before, after = json.loads(whole.body), json.loads(cut.body)
    assert after["manifests"] == before["manifests"][:1]
    assert list(after) == list(before)
    assert {**after, "manifests": 0} == {**before, "manifests": 0}
    assert cut.digest != whole.digest
    assert cut.media_type == whole.media_type


def test_a_cut_index_without_media_type_stays_without() -> None:
    whole = parse_manifest(
        body_of(index(child("a"), child("b"), mediaType=...)), media_types.OCI_INDEX, expected_digest=None
    )
    cut = subset_index(whole, {"sha256:" + "a" * 64})
    assert "mediaType" not in json.loads(cut.body)
    assert cut.media_type == media_types.OCI_INDEX


def test_cutting_twice_gives_the_same_bytes() -> None:
    keep = {"sha256:" + "a" * 64}
    assert subset_index(MULTI, keep).body == subset_index(MULTI, keep).body


def test_a_nested_index_that_was_cut_is_named_by_its_new_digest() -> None:
    nested = parsed(child("a", "linux/amd64"), child("b", "linux/arm64"))
    entry = {"mediaType": nested.media_type, "digest": nested.digest, "size": nested.size, "data": "eA=="}
    outer = parsed(entry, child("c"))
    cut = subset_index(nested, {"sha256:" + "a" * 64})
    result = subset_index(outer, {nested.digest}, replaced={nested.digest: cut})
    (left,) = result.manifests
    assert (left.digest, left.size) == (cut.digest, cut.size)
    assert "data" not in json.loads(result.body)["manifests"][0]


# --- configurations -----------------------------------------------------------------------------------------
def test_the_platform_of_a_configuration() -> None:
    config = {"os": "linux", "architecture": "arm", "variant": "v7", "config": {"Cmd": ["x"]}, "rootfs": {}}
    assert platform_of_config(body_of(config)) == Platform("linux", "arm", "v7")


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'"x"', b"\xff", b'{"os":7}', b'{"os":"a b","architecture":"c"}', b"[" * 99]
)
def test_a_configuration_that_names_none_has_none(body: bytes) -> None:
    assert platform_of_config(body) is None
