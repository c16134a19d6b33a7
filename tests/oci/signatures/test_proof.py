"""Who signed an image: what holds, what is refused, and what a verdict says of an index."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence

import pytest
from sigstore.models import Bundle as SigstoreBundle
from sigstore.models import TrustedRoot as SigstoreRoot
from sigstore.verify import Verifier
from sigstore.verify.policy import AllOf, Identity, OIDCIssuerV2
from sigstore_models.trustroot.v1 import TrustedRoot as RootModel

from oci.errors import OciError
from oci.signatures.anchors import Anchor, KeyAnchor, KeylessAnchor
from oci.signatures.keys import load_public_key
from oci.signatures.proof import (
    Candidate,
    FoundSignatures,
    Prover,
    SignedBundle,
    SignedPayload,
    State,
    Subject,
    Unread,
    Verdict,
)
from oci.spec.manifest import Manifest, parse_manifest
from stack.sample import Image, index_of
from testbed.images import random_image
from tests.oci.signatures.forgeries import (
    ANCHORS,
    CORPUS,
    FORGERIES,
    KEY,
    MANIFEST,
    ROOT,
    STRANGER,
    annotated,
    bundle,
    by_pss,
)
from tests.support.content.signing import Key, encoded, simple_payload

OTHER_KEY = Key("second")
THROTTLED = OciError("rate_limited", "later", retryable=True, retry_after=60)


def verdict(
    *candidates: Candidate, anchors: Sequence[Anchor] = ANCHORS, fault: OciError | None = None
) -> Verdict:
    prover = Prover(lambda _digest: FoundSignatures(candidates, fault), anchors, lambda: ROOT)
    return prover.verdict(Subject(MANIFEST))


# --- what holds ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(CORPUS["good"]))
def test_a_bundle_by_an_identity_holds(name: str) -> None:
    found = verdict(bundle(CORPUS["good"][name]))
    assert found.state is State.VERIFIED
    (signer,) = found.signers
    assert signer.anchor == "workflow"
    assert signer.by == f"workflow ({CORPUS['identity']})"
    made = dt.datetime.fromtimestamp(_made_at(CORPUS["good"]["dsse"]), dt.UTC)
    assert signer.at is not None
    assert abs(signer.at - made) < dt.timedelta(minutes=5)


def _made_at(document: dict[str, object]) -> int:
    return int(json.loads(json.dumps(document))["verificationMaterial"]["tlogEntries"][0]["integratedTime"])


def test_cosigns_annotations_by_an_identity_hold() -> None:
    found = verdict(annotated(CORPUS["goodAnnotations"]))
    assert (found.state, found.signers[0].anchor) == (State.VERIFIED, "workflow")


@pytest.mark.parametrize("kind", ["cosign container image signature", "https://sigstore.dev/cosign/sign/v1"])
def test_cosigns_payload_by_a_key_holds_whatever_it_calls_the_image(kind: str) -> None:
    payload = simple_payload(MANIFEST.digest, kind=kind, reference="anything/else")
    found = verdict(SignedPayload(payload, encoded(KEY.sign(payload))))
    assert [(each.anchor, each.by, each.at) for each in found.signers] == [("key", "release", None)]


def test_bundles_by_a_key_hold() -> None:
    assert verdict(bundle(KEY.bundle(MANIFEST.digest))).state is State.VERIFIED
    assert verdict(bundle(KEY.message_bundle(MANIFEST.body))).state is State.VERIFIED


def test_a_statement_about_several_images_counts_for_each() -> None:
    digits = MANIFEST.digest.partition(":")[2]
    subjects = [{"digest": {"sha256": "0" * 64}}, {"digest": {"sha256": digits}}]
    assert verdict(bundle(KEY.bundle(MANIFEST.digest, subject=subjects))).state is State.VERIFIED


def test_one_good_signature_among_bad_ones_is_enough() -> None:
    good = bundle(KEY.bundle(MANIFEST.digest))
    assert verdict(*list(FORGERIES.values())[:40], good).state is State.VERIFIED


@pytest.mark.parametrize(
    ("identity", "fits"),
    [
        (CORPUS["identity"], True),
        ("https://github.example.com/acme/*", True),
        ("*/release.yml@refs/heads/????", True),
        ("*", True),
        ("https://github.example.com/acme", False),
        ("github.example.com/acme/*", False),
        ("https://github.example.com/*/main?", False),
        ("https://github.example.com/[a-z]cme/*", False),
        ("https://github.example.com/ACME/*", False),
    ],
)
def test_a_pattern_of_identities_fits_the_whole_or_not(identity: str, fits: bool) -> None:
    anchor = KeylessAnchor("a", "a", CORPUS["issuer"], identity, is_pattern=True)
    found = verdict(bundle(CORPUS["good"]["dsse"]), anchors=[anchor])
    assert found.state is (State.VERIFIED if fits else State.INVALID)


def test_an_identity_that_is_no_pattern_is_taken_by_the_letter() -> None:
    anchor = KeylessAnchor("a", "a", CORPUS["issuer"], "https://github.example.com/acme/*")
    assert verdict(bundle(CORPUS["good"]["dsse"]), anchors=[anchor]).state is State.INVALID


# --- what is refused -------------------------------------------------------------------------------


def test_there_are_many_forgeries() -> None:
    assert len(FORGERIES) >= 60


@pytest.mark.parametrize("name", sorted(FORGERIES))
def test_a_forgery_is_refused(name: str) -> None:
    found = verdict(FORGERIES[name])
    assert found.state is State.INVALID
    assert found.reason is not None
    assert found.signers == ()


@pytest.mark.parametrize("name", sorted(CORPUS["good"]))
def test_sigstores_own_verifier_agrees_on_what_holds(name: str) -> None:
    _by_sigstore(json.dumps(CORPUS["good"][name]).encode())


#: What a verifier of signatures can't know: the statement is about something else.
_OF_ANOTHER_KIND = (
    "another image",
    "no subject",
    "the subject by another hash",
    "an attestation of provenance",
    "a statement of an earlier kind",
    "another payload type",
    "a cosign payload",
)


@pytest.mark.parametrize("name", sorted(name for name in FORGERIES if name.startswith("keyless ")))
def test_sigstores_own_verifier_agrees_on_what_is_refused(name: str) -> None:
    document = FORGERIES[name]
    assert isinstance(document, SignedBundle)
    if name.removeprefix("keyless dsse: ") in _OF_ANOTHER_KIND:
        kind, statement = _by_sigstore(document.raw)
        said = json.loads(statement)
        digits = MANIFEST.digest.partition(":")[2]
        assert (
            kind != "application/vnd.in-toto+json"
            or said.get("_type") != "https://in-toto.io/Statement/v1"
            or said["predicateType"] != "https://sigstore.dev/cosign/sign/v1"
            or digits not in [each["digest"].get("sha256") for each in said["subject"]]
        )
        return
    with pytest.raises(Exception):  # noqa: B017 - the library raises what its parsers raise
        _by_sigstore(document.raw)


def _by_sigstore(raw: bytes) -> tuple[str, bytes]:
    root = SigstoreRoot(RootModel.from_json(json.dumps(CORPUS["root"]).encode()))
    policy = AllOf([Identity(identity=CORPUS["identity"]), OIDCIssuerV2(CORPUS["issuer"])])
    read = SigstoreBundle.from_json(_with_zeros(raw))
    verifier = Verifier(trusted_root=root)
    if read._dsse_envelope is not None:
        return verifier.verify_dsse(read, policy)
    verifier.verify_artifact(MANIFEST.body, read, policy)
    return "", b""


def _with_zeros(raw: bytes) -> bytes:
    """sigstore's JavaScript leaves zeros and empty lists out, as protobuf's JSON may; its Python asks for them."""
    document = json.loads(raw)
    for entry in document["verificationMaterial"]["tlogEntries"]:
        entry.setdefault("logIndex", "0")
        if "inclusionProof" in entry:
            entry["inclusionProof"] = {"logIndex": "0", "hashes": []} | entry["inclusionProof"]
    return json.dumps(document).encode()


def test_a_signature_of_a_kind_that_cosign_does_not_make_is_refused() -> None:
    anchor, candidate = by_pss()
    assert verdict(candidate, anchors=[anchor]).state is State.INVALID


def test_what_cannot_be_read_is_refused_and_not_overlooked() -> None:
    assert verdict(Unread()).state is State.INVALID


def test_a_signature_by_someone_else_says_by_whom() -> None:
    anchor = KeylessAnchor("a", "a", CORPUS["issuer"], "someone@example.com")
    found = verdict(bundle(CORPUS["good"]["dsse"]), anchors=[anchor])
    assert found.reason is not None
    template, params = found.reason
    assert CORPUS["identity"] in template % params
    assert CORPUS["issuer"] in template % params


# --- unsigned, unknown, and indexes ----------------------------------------------------------------


def test_an_image_without_any_signature_is_unsigned() -> None:
    assert verdict().state is State.UNSIGNED


def test_a_question_that_failed_is_never_unsigned() -> None:
    found = verdict(fault=THROTTLED)
    assert (found.state, found.fault) == (State.UNKNOWN, THROTTLED)


def test_a_question_that_failed_hides_no_signature_that_was_found() -> None:
    assert verdict(bundle(KEY.bundle(MANIFEST.digest)), fault=THROTTLED).state is State.VERIFIED


def test_a_question_that_failed_beside_a_bad_signature_leaves_it_open() -> None:
    assert verdict(FORGERIES["another key"], fault=THROTTLED).state is State.UNKNOWN


def test_a_trusted_root_that_cannot_be_read_leaves_it_open() -> None:
    unreadable = OciError("signature_invalid", "no root", retryable=True)

    def root() -> None:
        raise unreadable

    prover = Prover(lambda _digest: FoundSignatures((bundle(CORPUS["good"]["dsse"]),)), ANCHORS, root)  # type: ignore[arg-type]
    found = prover.verdict(Subject(MANIFEST))
    assert (found.state, found.fault) == (State.UNKNOWN, unreadable)


AMD = random_image([3_000], seed=1)
ARM = random_image([3_000], seed=2, platform="linux/arm64")
INDEX = index_of([AMD, ARM])


def _manifest(image: Image) -> Manifest:
    return parse_manifest(image.manifest.data, image.manifest.media_type, expected_digest=image.digest)


def _of_index(signed: dict[str, FoundSignatures], allowed: set[str] | None = None) -> Verdict:
    second = KeyAnchor("second", "second", load_public_key(OTHER_KEY.pem))
    prover = Prover(lambda digest: signed.get(digest, FoundSignatures()), [*ANCHORS, second], lambda: ROOT)
    parts = (Subject(_manifest(AMD)), Subject(_manifest(ARM)))
    return prover.verdict(Subject(_manifest(INDEX), parts), allowed)


def _signed(image: Image, key: Key = KEY) -> dict[str, FoundSignatures]:
    return {image.digest: FoundSignatures((bundle(key.bundle(image.digest)),))}


def test_a_signed_index_vouches_for_its_images() -> None:
    assert _of_index(_signed(INDEX)).state is State.VERIFIED


def test_of_an_unsigned_index_each_image_must_be_signed() -> None:
    assert _of_index(_signed(AMD) | _signed(ARM)).state is State.VERIFIED
    found = _of_index(_signed(AMD))
    assert (found.state, found.digest) == (State.UNSIGNED, ARM.digest)
    assert _of_index({}).digest == INDEX.digest


def test_the_images_of_an_index_may_be_signed_by_different_trusted_ones() -> None:
    found = _of_index(_signed(AMD) | _signed(ARM, OTHER_KEY))
    assert {each.anchor for each in found.signers} == {"key", "second"}
    assert _of_index(_signed(AMD) | _signed(ARM, OTHER_KEY), {"key", "second"}).state is State.VERIFIED
    assert _of_index(_signed(AMD) | _signed(ARM, OTHER_KEY), {"key"}).state is State.INVALID


def test_a_signature_of_one_image_does_not_count_for_another() -> None:
    swapped = {ARM.digest: FoundSignatures((bundle(KEY.bundle(AMD.digest)),))}
    assert _of_index(_signed(AMD) | swapped).state is State.INVALID


def test_an_index_signed_by_strangers_is_as_one_that_is_not_signed() -> None:
    assert _of_index(_signed(INDEX, STRANGER)).state is State.INVALID
    assert _of_index(_signed(INDEX, STRANGER) | _signed(AMD) | _signed(ARM)).state is State.VERIFIED


def test_an_unanswered_question_about_an_index_or_an_image_leaves_it_open() -> None:
    unknown = FoundSignatures(fault=THROTTLED)
    assert _of_index({INDEX.digest: unknown}).state is State.UNKNOWN
    assert _of_index({INDEX.digest: unknown} | _signed(AMD)).state is State.UNKNOWN
    assert _of_index({ARM.digest: unknown} | _signed(AMD)).state is State.UNKNOWN
    assert _of_index({ARM.digest: unknown}).state is State.UNKNOWN
    assert _of_index({INDEX.digest: unknown} | _signed(AMD) | _signed(ARM)).state is State.VERIFIED


def test_only_those_who_are_asked_for_count() -> None:
    found = _of_index(_signed(INDEX), {"second"})
    assert found.state is State.INVALID
    assert found.reason is not None
    assert "release" in found.reason[0] % found.reason[1]
    assert _of_index(_signed(INDEX), set()).state is State.INVALID


def test_each_digest_is_asked_for_once() -> None:
    asked: list[str] = []

    def find(digest: str) -> FoundSignatures:
        asked.append(digest)
        return FoundSignatures()

    prover = Prover(find, ANCHORS, lambda: ROOT)
    subject = Subject(_manifest(INDEX), (Subject(_manifest(AMD)),))
    prover.verdict(subject)
    prover.verdict(subject, {"key"})
    assert asked == [INDEX.digest, AMD.digest]
