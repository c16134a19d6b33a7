"""``index.json``: the same bytes for the same content, with what a bundle says of itself."""

from __future__ import annotations

import hashlib
import json

from oci.layout.annotations import BUNDLE_BASE, BUNDLE_DIGESTS, BUNDLE_ID, VOLUME
from oci.layout.index_writer import digests_digest, entry, front, index_document, volume_index
from oci.spec.manifest import parse_manifest
from tests.support.content.artifacts import POLICY, artifact

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def test_an_index_says_what_the_bundle_holds_and_what_it_is_based_on() -> None:
    document = index_document(entries=[{"digest": A}], bundle_id="7", digests=[B, A], base=[B, A])
    index = json.loads(volume_index(document, 2, 3))
    listed = hashlib.sha256(f"{A}\n{B}".encode()).hexdigest()
    assert index["annotations"] == {
        BUNDLE_ID: "7",
        BUNDLE_DIGESTS: listed,
        BUNDLE_BASE: json.dumps([A, B], separators=(",", ":")),
        VOLUME: "2/3",
    }
    assert (index["schemaVersion"], index["manifests"]) == (2, [{"digest": A}])
    assert digests_digest([A, B]) == digests_digest([B, A]) == listed


def test_without_a_base_nothing_is_said_of_one() -> None:
    assert BUNDLE_BASE not in index_document(entries=[], bundle_id="7", digests=[A], base=[])


def test_an_entry_names_the_type_of_an_artifact_and_has_no_empty_annotations() -> None:
    manifest = parse_manifest(artifact().manifest.data, None, expected_digest=None)
    assert entry(manifest, {})["artifactType"] == POLICY
    assert "annotations" not in entry(manifest, {})


def test_the_layout_comes_before_the_index() -> None:
    document = index_document(entries=[], bundle_id="7", digests=[A], base=[])
    members = front(document, 1, 1)
    assert [member.name for member, _ in members] == ["oci-layout", "index.json"]
    for member, content in members:
        assert len(b"".join(content(0, member.size))) == member.size
