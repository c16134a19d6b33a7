"""What is read of a bundle: all of it or nothing. Forgeries of all kinds stand in test_proof.py."""

from __future__ import annotations

import json

import pytest

from oci.signatures.documents import SignatureRejected, decoded, read_bundle
from tests.support.content.signing import Key, encoded, keyless_corpus

KEY = Key()
DIGEST = "sha256:" + "a" * 64


def test_only_what_was_read_is_handed_on() -> None:
    """Another parser takes other spellings: a second envelope beside the first must not reach it."""
    bundle = KEY.bundle(DIGEST)
    other = KEY.bundle("sha256:" + "b" * 64)
    hidden = {
        "dsse_envelope": other["dsseEnvelope"],
        "message_signature": {"signature": "AAAA"},
        "extra": 1,
    }
    bundle["dsseEnvelope"]["signatures"][0]["keyid"] = "release"
    handed = json.loads(read_bundle(json.dumps(bundle | hidden).encode()).canonical)
    assert sorted(handed) == ["dsseEnvelope", "mediaType", "verificationMaterial"]
    assert handed["dsseEnvelope"]["payload"] == bundle["dsseEnvelope"]["payload"]
    assert handed["dsseEnvelope"]["signatures"] == [{"sig": bundle["dsseEnvelope"]["signatures"][0]["sig"]}]


def test_zeros_that_protobufs_json_leaves_out_are_filled_in() -> None:
    document = keyless_corpus()["good"]["dsse"]
    entry = document["verificationMaterial"]["tlogEntries"][0]
    assert "logIndex" not in entry["inclusionProof"]
    handed = json.loads(read_bundle(json.dumps(document).encode()).canonical)
    proof = handed["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]
    assert (proof["logIndex"], proof["hashes"]) == ("0", [])
    assert proof["rootHash"] == entry["inclusionProof"]["rootHash"]


@pytest.mark.parametrize("text", ["", "AAA", "AAAA\n", "-_==", "QR==", "AA==AA==", "ÄÄÄÄ"])
def test_base64_is_written_in_one_way_or_refused(text: str) -> None:
    with pytest.raises(SignatureRejected):
        decoded(text)
    assert decoded(encoded(b"\xfb\xff")) == b"\xfb\xff"
