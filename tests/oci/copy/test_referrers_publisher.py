"""What is attached at the target already stays, whoever writes at the same time; what was put is read back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from oci import limits
from oci.errors import OciError
from stack.sample import OCI_INDEX, Image
from testbed.scripted_http import Reply, Request
from testbed.scripted_registry import ScriptedRegistry, refuse, too_many
from tests.oci.attachments import IMAGE, SIG, artifact, cosign_tag, filled, signature
from tests.oci.copying import copier, run

LIST = cosign_tag(IMAGE, "")
Make = Callable[..., ScriptedRegistry]
Proceed = Callable[[], Reply]


def referrer(name: str) -> Image:
    return artifact(f"referrer {name}".encode(), of=IMAGE)


ONE, OTHER = referrer("one"), referrer("other")


def listing(*images: Image, **more: Any) -> bytes:
    entries = [each.manifest.descriptor(**more) for each in images]
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()


def listed(target: ScriptedRegistry) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(target.repository("team/app").manifests[LIST][1])["manifests"]
    return entries


def digests(target: ScriptedRegistry) -> set[str]:
    return {each["digest"] for each in listed(target)}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "READ_BACK_SECONDS", 0.5)


# --- lists -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_two_imports_that_change_one_list_at_the_same_time_are_both_in_it(
    make_scripted: Make, target: ScriptedRegistry, method: str
) -> None:
    """The second comes and ends while the first has read the list and not yet put it."""
    first = filled(make_scripted(referrers_api=True), ONE)
    second = filled(make_scripted(referrers_api=True), OTHER)

    def meanwhile(_request: Request, proceed: Proceed) -> Reply:
        reply = proceed() if method == "GET" else None
        run(copier(second, target, to="team/app:v2"))
        return reply or proceed()

    target.rule(method, f"/manifests/{LIST}", meanwhile, times=1)
    run(copier(first, target))
    assert digests(target) == {ONE.digest, OTHER.digest}


def test_a_list_that_someone_replaces_right_after_us_gets_ours_again(
    make_scripted: Make, target: ScriptedRegistry
) -> None:
    source = filled(make_scripted(referrers_api=True), ONE)
    target.add_image("team/app", OTHER.digest, OTHER)

    def and_then_another(_request: Request, proceed: Proceed) -> Reply:
        reply = proceed()
        target.add_manifest("team/app", LIST, listing(OTHER), OCI_INDEX)
        return reply

    target.rule("PUT", f"/manifests/{LIST}", and_then_another, times=1)
    run(copier(source, target))
    assert digests(target) == {ONE.digest, OTHER.digest}


def test_what_others_wrote_into_the_list_stays_as_they_wrote_it(
    make_scripted: Make, target: ScriptedRegistry
) -> None:
    source = filled(make_scripted(referrers_api=True), ONE)
    target.add_image("team/app", OTHER.digest, OTHER)
    own = {"annotations": {"org.example.by": "ci"}, "platform": {"os": "linux", "architecture": "arm64"}}
    target.add_manifest("team/app", LIST, listing(OTHER, **own), OCI_INDEX)
    run(copier(source, target))
    assert listed(target)[0] == OTHER.manifest.descriptor(**own)


def test_what_was_deleted_and_is_still_listed_does_not_keep_the_list_from_being_put(
    make_scripted: Make, target: ScriptedRegistry
) -> None:
    source = filled(make_scripted(referrers_api=True), ONE)
    target.add_manifest("team/app", LIST, listing(OTHER), OCI_INDEX)
    run(copier(source, target))
    assert digests(target) == {ONE.digest}


def test_the_list_says_what_the_manifest_is_and_not_what_the_sources_list_says(
    make_scripted: Make, target: ScriptedRegistry
) -> None:
    source = filled(make_scripted(), ONE)
    wrong = {"artifactType": "application/vnd.oci.empty.v1+json", "annotations": {"made-by": "nobody"}}
    source.add_manifest("library/app", LIST, listing(ONE, **wrong), OCI_INDEX)
    run(copier(source, target))
    assert listed(target) == [
        ONE.manifest.descriptor(
            artifactType="application/vnd.example.sbom", annotations={"org.example.made-by": "tests"}
        )
    ]


@pytest.mark.usefixtures("impatient")
def test_a_target_that_takes_the_list_and_forgets_it_fails_before_the_tag(
    make_scripted: Make, target: ScriptedRegistry
) -> None:
    source = filled(make_scripted(referrers_api=True), ONE)
    target.rule("PUT", f"/manifests/{LIST}", Reply(201))
    assert _failure(source, target).code == "target_error"


@pytest.mark.usefixtures("impatient")
def test_a_target_that_takes_an_attached_manifest_and_forgets_it_fails_before_the_tag(
    make_scripted: Make,
) -> None:
    source, target = filled(make_scripted(referrers_api=True), ONE), make_scripted(referrers_api=True)
    target.rule("PUT", f"/manifests/{ONE.digest}", Reply(201))
    assert _failure(source, target).code == "target_error"


@pytest.mark.usefixtures("impatient")
def test_a_target_whose_own_list_never_has_it_fails_before_the_tag(make_scripted: Make) -> None:
    source, target = filled(make_scripted(referrers_api=True), ONE), make_scripted(referrers_api=True)
    target.rule("GET", "/referrers/", Reply(headers=[("Content-Type", OCI_INDEX)], body=listing()))
    assert _failure(source, target).code == "target_error"


def test_a_target_whose_own_list_is_late_is_waited_for(make_scripted: Make) -> None:
    source, target = filled(make_scripted(referrers_api=True), ONE), make_scripted(referrers_api=True)
    target.rule("GET", "/referrers/", Reply(headers=[("Content-Type", OCI_INDEX)], body=listing()), times=3)
    run(copier(source, target))
    assert "v1" in target.repository("team/app").manifests


def test_an_entry_that_does_not_refer_to_the_image_itself_keeps_no_import_from_ending(
    make_scripted: Make,
) -> None:
    """Lists made by hand have such; a registry that makes its lists itself never will."""
    source, target = filled(make_scripted()), make_scripted(referrers_api=True)
    stray = artifact(b"no subject")
    source.add_image("library/app", stray.digest, stray)
    source.add_manifest("library/app", LIST, listing(stray), OCI_INDEX)
    run(copier(source, target))
    assert stray.digest in target.repository("team/app").manifests


def _failure(source: ScriptedRegistry, target: ScriptedRegistry) -> OciError:
    with pytest.raises(OciError) as caught:
        run(copier(source, target))
    assert "v1" not in target.repository("team/app").manifests
    return caught.value


# --- a strict target ---------------------------------------------------------------------------------------


def test_a_target_that_takes_nothing_before_what_it_names_takes_referrers_three_deep(
    make_scripted: Make,
) -> None:
    """The scripted registry refuses manifests whose blobs or children it lacks; this one also missing subjects."""
    sbom = artifact(b"sbom", of=IMAGE)
    signed = artifact(b"signature of the sbom", of=sbom)
    stamped = artifact(b"timestamp of the signature", of=signed)
    source = filled(make_scripted(referrers_api=True), stamped, signed, sbom)
    target = make_scripted(referrers_api=True)

    def only_with_its_subject(request: Request, proceed: Proceed) -> Reply:
        subject = json.loads(request.body).get("subject")
        if subject and subject["digest"] not in target.repository("team/app").manifests:
            return refuse(400, "MANIFEST_INVALID")
        return proceed()

    target.rule("PUT", "/manifests/", only_with_its_subject)
    assert run(copier(source, target)).referrers == 3


# --- the source's side -------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", [f"/manifests/{LIST}", r"/manifests/sha256-[0-9a-f]+\.sig", "/referrers/"])
@pytest.mark.parametrize("times", [1, None])
def test_a_question_for_signatures_that_is_throttled_is_never_taken_for_none(
    make_scripted: Make, target: ScriptedRegistry, what: str, times: int | None
) -> None:
    source = filled(make_scripted(referrers_api="referrers" in what), ONE)
    source.add_manifest("library/app", LIST, listing(ONE), OCI_INDEX)
    source.add_image("library/app", SIG, signature("upstream"))
    source.rule("", what, too_many("3600" if times is None else "0"), times=times)
    if times is None:
        assert _failure(source, target).code == "rate_limited"
        return
    run(copier(source, target))
    assert digests(target) == {ONE.digest}
    assert SIG in target.repository("team/app").manifests


def test_signatures_of_both_styles_at_once_arrive_from_a_source_without_the_api(
    make_scripted: Make, target: ScriptedRegistry
) -> None:
    bundle = artifact(b"bundle", of=IMAGE, kind="application/vnd.dev.sigstore.bundle.v0.3+json")
    source = filled(make_scripted(), bundle)
    source.rule("GET", "/referrers/", refuse(404, "MANIFEST_UNKNOWN"))
    source.add_manifest("library/app", LIST, listing(bundle), OCI_INDEX)
    source.add_image("library/app", SIG, signature("upstream"))
    assert run(copier(source, target)).referrers == 2
    assert [each["artifactType"] for each in listed(target)] == [
        "application/vnd.dev.sigstore.bundle.v0.3+json"
    ]
    assert target.repository("team/app").manifests[SIG][1] == signature("upstream").manifest.data
