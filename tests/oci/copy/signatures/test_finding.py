"""Signatures of both layouts are found: at the source before a blob is read, at the target before the tag is put."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from oci.copy.signatures.finding import find_signatures
from oci.copy.signatures.places import AtRepository, Place
from oci.errors import OciError
from oci.registry.repository import Repository, referrers_tag
from oci.signatures.anchors import KeyAnchor
from oci.signatures.keys import load_public_key
from oci.signatures.proof import Prover, State, Subject, Unread, Verdict
from stack.sample import Image, index_of
from testbed.images import random_image
from testbed.scripted_http import Reply
from testbed.scripted_registry import Act, Request, ScriptedRegistry, refuse, too_many
from tests.oci.attachments import artifact, attestation_of, index, platform
from tests.oci.copying import client, copier, run
from tests.support.content.signing import (
    Key,
    bundle_image,
    cosign_image,
    sign_by_referrer,
    sign_by_tag,
    simple_payload,
)

Make = Callable[..., ScriptedRegistry]
KEY = Key()
NAME = "library/app"
AMD = random_image([3_000], seed=31)
ARM = random_image([3_000], seed=32, platform="linux/arm64")
INDEX = index_of([AMD, ARM])


@dataclass
class Gate:
    """Remembers the verdicts; refuses what is not signed by ``KEY``."""

    strict: bool = True
    verdicts: list[Verdict] = field(default_factory=list)

    def admit(self, subject: Subject, place: Place) -> None:
        self._judge(subject, place)

    def admit_part(self, subject: Subject, place: Place) -> None:
        if self.strict:
            self._judge(subject, place)

    def confirm(self, subject: Subject, place: Place) -> None:
        self._judge(subject, place)

    def _judge(self, subject: Subject, place: Place) -> None:
        anchors = [KeyAnchor("key", "release", load_public_key(KEY.pem))]
        prover = Prover(lambda digest: find_signatures(place, digest), anchors, lambda: None)  # type: ignore[arg-type, return-value]
        verdict = prover.verdict(subject)
        self.verdicts.append(verdict)
        if self.strict and verdict.state is not State.VERIFIED:
            raise verdict.fault or OciError("signature_missing", "not signed")


def states(gate: Gate) -> list[State]:
    return [each.state for each in gate.verdicts]


def signed_by_tag(source: ScriptedRegistry, image: Image) -> None:
    sign_by_tag(source, NAME, image, KEY)


def signed_by_referrer(source: ScriptedRegistry, image: Image) -> None:
    sign_by_referrer(source, NAME, image, KEY.bundle(image.digest))


def signed_with_a_wrong_type_in_the_list(source: ScriptedRegistry, image: Image) -> None:
    sign_by_referrer(source, NAME, image, KEY.bundle(image.digest), said="application/vnd.oci.empty.v1+json")


def signed_both_ways(source: ScriptedRegistry, image: Image) -> None:
    signed_by_tag(source, image)
    signed_by_referrer(source, image)


def signed_by_an_old_payload_as_referrer(source: ScriptedRegistry, image: Image) -> None:
    """As cosign does in its experimental mode: the earlier document in the newer place."""
    made = cosign_image([KEY.payload(image.digest)])
    body = json.loads(made.manifest.data) | {"subject": image.manifest.descriptor()}
    source.add_image(NAME, made.digest, made)
    digest = source.add_manifest(NAME, "x", json.dumps(body).encode(), made.manifest.media_type)
    if not source.referrers_api:
        listed = {
            "schemaVersion": 2,
            "mediaType": INDEX.manifest.media_type,
            "manifests": [
                {"mediaType": made.manifest.media_type, "digest": digest, "size": len(json.dumps(body))}
            ],
        }
        source.add_manifest(
            NAME, referrers_tag(image.digest), json.dumps(listed).encode(), INDEX.manifest.media_type
        )


LAYOUTS = [
    signed_by_tag,
    signed_by_referrer,
    signed_with_a_wrong_type_in_the_list,
    signed_both_ways,
    signed_by_an_old_payload_as_referrer,
]


@pytest.mark.parametrize("api", [True, False], ids=["referrers API", "fallback tag"])
@pytest.mark.parametrize("sign", LAYOUTS)
@pytest.mark.parametrize("signed", [[INDEX], [AMD, ARM]], ids=["of the index", "of its images only"])
def test_they_are_found_and_hold_at_the_source_and_at_the_target(
    make_scripted: Make,
    sign: Callable[[ScriptedRegistry, Image], None],
    signed: Sequence[Image],
    api: bool,
) -> None:
    source, target = make_scripted(referrers_api=api), make_scripted(referrers_api=not api)
    source.add_image(NAME, "v1", INDEX)
    for image in signed:
        sign(source, image)
    gate = Gate()
    run(copier(source, target, gate=gate))
    assert states(gate) == [State.VERIFIED, State.VERIFIED]
    place = AtRepository(Repository(client(target, "target"), "team/app"))
    assert all(find_signatures(place, image.digest).candidates for image in signed)


def test_only_the_platforms_that_are_taken_need_a_signature(make_scripted: Make) -> None:
    source, target = make_scripted(), make_scripted()
    source.add_image(NAME, "v1", INDEX)
    signed_by_tag(source, AMD)
    gate = Gate()
    run(copier(source, target, gate=gate, platforms=("linux/amd64",)))
    assert states(gate) == [State.VERIFIED, State.VERIFIED]
    with pytest.raises(OciError, match="not signed"):
        run(copier(source, target, gate=Gate()))


def test_a_signed_index_of_which_some_platforms_are_taken_holds_by_its_own_digest(
    make_scripted: Make,
) -> None:
    """The target has another index then, and the signature of the one at the source."""
    source, target = make_scripted(), make_scripted(sparse=False)
    source.add_image(NAME, "v1", INDEX)
    signed_by_tag(source, INDEX)
    gate = Gate()
    result = run(copier(source, target, gate=gate, platforms=("linux/amd64",)))
    assert result.image.digest != result.source_digest == INDEX.digest
    assert [(each.state, each.digest) for each in gate.verdicts] == [(State.VERIFIED, INDEX.digest)] * 2


def test_what_buildkit_attests_to_needs_none_as_long_as_it_claims_no_platform(make_scripted: Make) -> None:
    statement, entry = attestation_of(AMD)
    source, target = make_scripted(), make_scripted()
    source.add_image(NAME, "v1", index([(AMD, platform("linux/amd64")), (statement, entry)]))
    signed_by_tag(source, AMD)
    gate = Gate()
    run(copier(source, target, gate=gate))
    assert states(gate) == [State.VERIFIED, State.VERIFIED]
    claims = {**entry, **platform("linux/arm64")}
    source.add_image(NAME, "v1", index([(AMD, platform("linux/amd64")), (statement, claims)]))
    with pytest.raises(OciError, match="not signed"):
        run(copier(source, target, gate=Gate()))


@pytest.mark.parametrize("also", ["before", "after"])
def test_an_image_that_another_entry_calls_an_attestation_still_needs_a_signature(
    make_scripted: Make, also: str
) -> None:
    evil = (AMD, platform("linux/amd64"))
    _, said = attestation_of(ARM)
    entries = [evil, (ARM, platform("linux/arm64"))]
    entries.insert(0 if also == "before" else 2, (AMD, said))
    source, target = make_scripted(), make_scripted()
    source.add_image(NAME, "v1", index(entries))
    signed_by_tag(source, ARM)
    gate = Gate()
    with pytest.raises(OciError, match="not signed"):
        run(copier(source, target, gate=gate))
    assert [(each.state, each.digest) for each in gate.verdicts] == [(State.UNSIGNED, AMD.digest)]


@pytest.mark.parametrize("image", [AMD, INDEX], ids=["image", "index"])
@pytest.mark.parametrize("referrers", [True, False], ids=["with referrers", "without"])
def test_an_unsigned_image_costs_its_source_and_its_target_no_blob(
    make_scripted: Make, image: Image, referrers: bool
) -> None:
    source, target = make_scripted(), make_scripted()
    source.add_image(NAME, "v1", image)
    with pytest.raises(OciError, match="not signed"):
        run(copier(source, target, gate=Gate(), include_referrers=referrers))
    assert source.seen("", "/blobs/") == []
    assert target.seen("", "/blobs/") == []
    assert target.seen("PUT", "") == []


def _nameless(depth: int) -> Image:
    """An index whose entries name no platform, inside others that name none either."""
    made = index([(AMD, {}), (ARM, {})])
    for _ in range(depth):
        made = index([(made, {})])
    return made


@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("referrers", [True, False], ids=["with referrers", "without"])
def test_an_image_whose_entry_names_no_platform_is_proved_before_its_configuration_is_read(
    make_scripted: Make, depth: int, referrers: bool
) -> None:
    source, target = make_scripted(), make_scripted()
    source.add_image(NAME, "v1", _nameless(depth))
    with pytest.raises(OciError, match="not signed"):
        run(copier(source, target, gate=Gate(), include_referrers=referrers, platforms=("linux/amd64",)))
    assert source.seen("", "/blobs/") == []
    assert target.seen("", "/blobs/") == []


@pytest.mark.parametrize("signed", ["root", "nested", "images"])
def test_an_image_whose_entry_names_no_platform_may_be_signed_at_any_level(
    make_scripted: Make, signed: str
) -> None:
    source, target = make_scripted(), make_scripted()
    root = _nameless(1)
    source.add_image(NAME, "v1", root)
    for image in {"root": [root], "nested": [*root.children], "images": [AMD, ARM]}[signed]:
        signed_by_tag(source, image)
    gate = Gate()
    run(copier(source, target, gate=gate, platforms=("linux/amd64",)))
    assert set(states(gate)) == {State.VERIFIED}


@pytest.mark.parametrize(
    ("path", "act"),
    [
        (r"/referrers/", too_many("1")),
        (r"/referrers/", too_many(None)),
        (r"/referrers/", refuse(500, "UNKNOWN")),
        (r"/referrers/", refuse(503, "UNAVAILABLE")),
        (r"/manifests/sha256-[0-9a-f]+\.sig", too_many("1")),
        (r"/manifests/sha256-[0-9a-f]+\.sig", refuse(502, "UNKNOWN")),
        (r"/manifests/sha256-[0-9a-f]+\.sig", refuse(403, "DENIED")),
        (r"/manifests/sha256-[0-9a-f]+$", too_many("1")),
        (r"/manifests/sha256-[0-9a-f]+$", refuse(500, "UNKNOWN")),
    ],
)
def test_a_question_that_fails_is_unknown_and_never_unsigned(
    make_scripted: Make, path: str, act: Act | Reply
) -> None:
    source = make_scripted(referrers_api="sha256-[0-9a-f]+$" not in path)
    source.add_image(NAME, "v1", AMD)
    source.rule("", path, act)
    found = find_signatures(AtRepository(Repository(client(source), NAME)), AMD.digest)
    assert found.candidates == ()
    assert found.fault is not None


def test_a_throttled_question_lets_the_import_wait(make_scripted: Make) -> None:
    source, target = make_scripted(referrers_api=True), make_scripted()
    source.add_image(NAME, "v1", AMD)
    source.rule("GET", "/referrers/", too_many("3000"))
    gate = Gate()
    with pytest.raises(OciError) as caught:
        run(copier(source, target, gate=gate))
    assert (caught.value.code, caught.value.retry_after) == ("rate_limited", 3000)
    assert states(gate) == [State.UNKNOWN]


def test_a_throttled_question_hides_no_signature_that_the_other_one_found(make_scripted: Make) -> None:
    source = make_scripted(referrers_api=True)
    source.add_image(NAME, "v1", AMD)
    signed_by_tag(source, AMD)
    source.rule("GET", "/referrers/", too_many("3000"))
    found = find_signatures(AtRepository(Repository(client(source), NAME)), AMD.digest)
    assert len(found.candidates) == 1
    assert found.fault is not None


def test_other_referrers_are_no_signatures(make_scripted: Make) -> None:
    source = make_scripted(referrers_api=True)
    source.add_image(NAME, "v1", AMD)
    sbom = artifact(b"{}", of=AMD)
    source.add_image(NAME, sbom.digest, sbom)
    found = find_signatures(AtRepository(Repository(client(source), NAME)), AMD.digest)
    assert (found.candidates, found.fault) == ((), None)


def _broken_payload(source: ScriptedRegistry) -> None:
    made = sign_by_tag(source, NAME, AMD, KEY)
    source.repository(NAME).blobs.pop(made.blobs[1].digest)


def _large_payload(source: ScriptedRegistry) -> None:
    made = cosign_image(
        [(simple_payload(AMD.digest) + b" " * 300_000, {"dev.cosignproject.cosign/signature": "AA=="})]
    )
    source.add_image(NAME, referrers_tag(AMD.digest) + ".sig", made)


def _lost_bundle(source: ScriptedRegistry) -> None:
    made = sign_by_referrer(source, NAME, AMD, KEY.bundle(AMD.digest))
    source.repository(NAME).manifests.pop(made.digest)


def _tag_that_is_no_manifest(source: ScriptedRegistry) -> None:
    source.add_manifest(NAME, referrers_tag(AMD.digest) + ".sig", b"{}", AMD.manifest.media_type)


@pytest.mark.parametrize("spoil", [_broken_payload, _large_payload, _lost_bundle, _tag_that_is_no_manifest])
def test_a_signature_that_cannot_be_read_is_not_overlooked(
    make_scripted: Make, spoil: Callable[[ScriptedRegistry], Any]
) -> None:
    source = make_scripted(referrers_api=False)
    source.add_image(NAME, "v1", AMD)
    spoil(source)
    found = find_signatures(AtRepository(Repository(client(source), NAME)), AMD.digest)
    assert found.candidates == (Unread(),)


def test_as_many_as_anyone_adds_are_read_and_no_more(make_scripted: Make) -> None:
    source = make_scripted(referrers_api=True)
    source.add_image(NAME, "v1", AMD)
    for number in range(130):
        made = bundle_image({"number": number}, of=AMD)
        source.add_image(NAME, made.digest, made)
    repository = Repository(client(source), NAME)
    found = find_signatures(AtRepository(repository), AMD.digest)
    assert len(found.candidates) == 101
    assert found.candidates[-1] == Unread()
    assert len(source.seen("GET", "/blobs/")) <= 100


def test_what_was_verified_is_what_is_tagged(make_scripted: Make) -> None:
    """The tag moves right after it was resolved."""
    source, target = make_scripted(), make_scripted()
    other = random_image([3_000], seed=99)
    source.add_image(NAME, "v1", AMD)
    signed_by_tag(source, AMD)

    def move(_request: Request, proceed: Callable[[], Reply]) -> Reply:
        source.add_image(NAME, "v1", other)
        return proceed()

    source.rule("GET", rf"/manifests/{AMD.digest}", move, times=1)
    run(copier(source, target, gate=Gate()))
    assert target.repository("team/app").manifests["v1"][1] == AMD.manifest.data


def test_a_signature_that_the_target_does_not_have_keeps_the_tag_as_it_was(make_scripted: Make) -> None:
    source, target = make_scripted(), make_scripted()
    source.add_image(NAME, "v1", AMD)
    signed_by_tag(source, AMD)
    gate = Gate()
    with pytest.raises(OciError, match="not signed"):
        run(copier(source, target, gate=gate, include_referrers=False))
    assert states(gate) == [State.VERIFIED, State.UNSIGNED]
    assert "v1" not in target.repository("team/app").manifests


def test_what_was_read_to_prove_is_not_read_again_to_copy(make_scripted: Make) -> None:
    source, target = make_scripted(referrers_api=True), make_scripted()
    source.add_image(NAME, "v1", AMD)
    signed_both_ways(source, AMD)
    run(copier(source, target, gate=Gate()))
    asked = [each.path for each in source.seen("GET", "")]
    assert sorted(asked) == sorted(set(asked))


def test_an_image_without_a_gate_asks_what_it_always_asked(make_scripted: Make) -> None:
    counts = []
    for gate in (None, Gate(strict=False)):
        source, target = make_scripted(referrers_api=True), make_scripted()
        source.add_image(NAME, "v1", INDEX)
        run(copier(source, target, gate=gate))
        counts.append(len(source.seen("", "")))
    assert counts[0] == counts[1], "an unsigned image costs its source no further question"
