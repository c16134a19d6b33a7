"""The commit: what the target lost or hides, the tag that is carried through, the answer that went astray."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from oci.cancel import CancelToken
from oci.errors import Canceled, OciError
from testbed.images import random_image
from testbed.scripted_http import Hangup, Reply, Request
from testbed.scripted_registry import ScriptedRegistry, refuse
from tests.oci.copying import copier, run

IMAGE = random_image([300_000, 5_000], seed=141)
OLD = random_image([2_048], seed=142)
Proceed = Callable[[], Reply]


@pytest.fixture(autouse=True)
def _image_and_an_older_one(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", IMAGE)
    target.add_image("team/app", "v1", OLD)


def _tag(target: ScriptedRegistry) -> bytes:
    return target.repository("team/app").manifests["v1"][1]


def test_a_manifest_that_the_target_does_not_take_yet_is_offered_again_and_no_blob_moved(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    target.rule("PUT", "/manifests/", refuse(404, "MANIFEST_UNKNOWN"), times=2)
    run(copier(source, target))
    assert len(source.seen("GET", "/blobs/")) == len(IMAGE.blobs)


def test_a_blob_that_shows_a_moment_late_is_not_brought_again(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    made = copier(source, target)
    made.sign_in()
    made.pull()
    target.rule("GET", "/blobs/", refuse(404, "BLOB_UNKNOWN"), times=2)
    made.tag()
    made.push()
    assert len(source.seen("GET", "/blobs/")) == len(IMAGE.blobs)


def test_a_blob_that_vanishes_after_its_manifest_was_taken_is_brought_again_before_the_tag(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    there = target.repository("team/app")

    def collect_garbage(_request: Request, proceed: Proceed) -> Reply:
        reply = proceed()
        del there.blobs[IMAGE.blobs[1].digest]
        return reply

    target.rule("PUT", f"/manifests/{IMAGE.digest}", collect_garbage, times=1)
    target.rule("PUT", "/manifests/v1", lambda request, proceed: _only_whole(there.blobs, proceed))
    run(copier(source, target))
    assert there.blobs[IMAGE.blobs[1].digest] == IMAGE.blobs[1].data


def _only_whole(blobs: dict[str, bytes], proceed: Proceed) -> Reply:
    assert blobs.keys() >= {blob.digest for blob in IMAGE.blobs}, "the tag came before its blobs"
    return proceed()


def test_a_cancel_after_the_tag_began_to_move_comes_too_late(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    cancel = CancelToken()

    def cancel_meanwhile(_request: Request, proceed: Proceed) -> Reply:
        cancel.cancel("too late")
        time.sleep(0.2)
        return proceed()

    target.rule("PUT", "/manifests/v1", cancel_meanwhile)
    assert run(copier(source, target, cancel=cancel)).image.digest == IMAGE.digest
    assert _tag(target) == IMAGE.manifest.data


def test_a_cancel_right_before_leaves_the_old_tag(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    cancel = CancelToken()

    def cancel_meanwhile(_request: Request, proceed: Proceed) -> Reply:
        reply = proceed()
        cancel.cancel("in time")
        return reply

    target.rule("PUT", f"/manifests/{IMAGE.digest}", cancel_meanwhile)
    with pytest.raises(Canceled):
        run(copier(source, target, cancel=cancel))
    assert _tag(target) == OLD.manifest.data


def test_who_is_canceled_as_he_asks_for_the_right_puts_no_tag(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    cancel = CancelToken()

    def confirm() -> None:
        cancel.cancel("in time")
        cancel.check()

    with pytest.raises(Canceled):
        run(copier(source, target, cancel=cancel, confirm_lease=confirm))
    assert _tag(target) == OLD.manifest.data
    assert target.seen("PUT", "/manifests/v1") == []


def test_a_lost_answer_to_the_tag_does_not_make_a_failure_of_a_success(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    def put_and_hang_up(_request: Request, proceed: Proceed) -> Reply:
        proceed()
        raise Hangup

    target.rule("PUT", "/manifests/v1", put_and_hang_up)
    assert run(copier(source, target)).image.digest == IMAGE.digest


def test_the_right_to_the_tag_is_asked_for_before_each_try(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    asked: list[int] = []

    def confirm() -> None:
        asked.append(len(target.seen("PUT", "/manifests/v1")))
        if len(asked) > 1:
            raise OciError("worker_lost", "The lease is gone.")

    target.rule("PUT", "/manifests/v1", refuse(503, "UNAVAILABLE"))
    with pytest.raises(OciError) as caught:
        run(copier(source, target, confirm_lease=confirm))
    assert caught.value.code == "worker_lost"
    assert asked == [0, 1]
    assert _tag(target) == OLD.manifest.data


def test_a_tag_that_shows_something_else_is_no_success(
    source: ScriptedRegistry, target: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oci.copy.publisher.READ_BACK_SECONDS", 0.7)
    target.rule("GET", "/manifests/v1", lambda _request, _proceed: Reply(body=OLD.manifest.data))
    with pytest.raises(OciError, match="is not what was pushed") as caught:
        run(copier(source, target))
    assert caught.value.code == "target_error"


def test_a_target_that_says_another_digest_is_not_believed(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    def lie(_request: Request, proceed: Proceed) -> Reply:
        proceed()
        return Reply(201, [("Docker-Content-Digest", "sha256:" + "0" * 64)])

    target.rule("PUT", f"/manifests/{IMAGE.digest}", lie)
    with pytest.raises(OciError) as caught:
        run(copier(source, target))
    assert caught.value.code == "digest_mismatch"
    assert _tag(target) == OLD.manifest.data


@pytest.mark.parametrize("status", [401, 403])
def test_a_target_that_lets_us_push_blobs_but_no_manifests_says_so(
    source: ScriptedRegistry, target: ScriptedRegistry, status: int
) -> None:
    target.rule("PUT", "/manifests/", refuse(status, "DENIED", "read only"))
    with pytest.raises(OciError, match="rejected the portal's credentials") as caught:
        run(copier(source, target))
    assert caught.value.code == "target_error"
    assert not caught.value.retryable
    assert _tag(target) == OLD.manifest.data
