"""One blob on its way: cuts, lies and stalls on either side; never a wrong blob at the target."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest

from oci.copy.blob_transfer import RunningHash
from oci.errors import OciError
from stack.sample import Image
from testbed.endless import EndlessSource, SwallowingTarget
from testbed.images import random_image
from testbed.scripted_http import Reply, Request
from testbed.scripted_registry import (
    ScriptedRegistry,
    chunked,
    corrupt,
    cut,
    digest_of,
    drip,
    hang_up,
    redirect,
    refuse,
    stall,
)
from tests.oci.copying import Recorder, copier, quick_budget, run

Make = Callable[..., ScriptedRegistry]
Proceed = Callable[[], Reply]
SIZE = 2_999_808
IMAGE = random_image([SIZE], seed=21)
LAYER = IMAGE.blobs[1]
BLOB = f"/blobs/{LAYER.digest}"


def _ranges(registry: ScriptedRegistry) -> list[str]:
    return [
        each.headers.get("range", "")
        for each in registry.seen("GET", BLOB)
        if "-0" not in each.headers.get("range", "")
    ]


def _check(target: ScriptedRegistry, image: Image = IMAGE) -> None:
    assert target.repository("team/app").blobs == {blob.digest: blob.data for blob in image.blobs}
    assert target.repository("team/app").manifests["v1"][1] == image.manifest.data
    assert target.repository("team/app").uploads == {}


# --- the source breaks off ---------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["reset", "end"])
def test_after_a_cut_only_the_rest_is_asked_for(
    source: ScriptedRegistry, target: ScriptedRegistry, by: str
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    source.rule("GET", BLOB, cut(2_000_000, by), times=1)
    observer = Recorder()
    run(copier(source, target, observer=observer))
    _check(target)
    first, second = _ranges(source)
    assert first == ""
    assert 0 < int(second.removeprefix("bytes=").removesuffix("-")) <= 2_000_000
    assert observer.retries == 1
    assert not observer.waits, "bytes came: it goes on at once"


@pytest.mark.parametrize("ranges", ["ignored", "wrong", "unsatisfiable"])
def test_a_source_without_honest_ranges_is_read_from_the_start_again(
    source: ScriptedRegistry, target: ScriptedRegistry, ranges: str
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    source.ranges = ranges
    source.rule("GET", BLOB, cut(2_000_000), times=1)
    run(copier(source, target))
    _check(target)
    puts = [each for each in target.seen("PUT", "/blobs/uploads/") if each.body_bytes == SIZE]
    assert len(puts) == 1, "the target is not begun again because of the source"


def test_a_source_that_always_breaks_at_the_same_byte_is_asked_five_times(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    source.rule("GET", BLOB, cut(0))
    with pytest.raises(OciError) as caught:
        run(copier(source, target))
    assert caught.value.code == "source_error"
    assert caught.value.retryable
    assert source.server_name in str(caught.value)
    assert len(source.seen("GET", BLOB)) == 5
    assert LAYER.digest not in target.repository("team/app").blobs


def test_a_source_that_falls_silent_is_left_and_resumed(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    source.rule("GET", BLOB, stall(1_500_000), times=1)
    run(copier(source, target, source_options={"stall_seconds": 0.3}))
    _check(target)


def test_a_source_that_stays_silent_has_stalled(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", IMAGE)
    source.rule("GET", BLOB, stall(0))
    budget = {"stall_seconds": 0.2, "budget": quick_budget()}
    with pytest.raises(OciError) as caught:
        run(copier(source, target, source_options=budget, target_options={"budget": budget["budget"]}))
    assert caught.value.code == "stalled"
    assert target.repository("team/app").uploads == {}


def test_a_source_that_drips_is_waited_for(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", IMAGE)
    source.rule("GET", BLOB, drip(100_000, 0.02))
    run(copier(source, target, source_options={"stall_seconds": 0.5}))
    _check(target)


def test_a_blob_without_a_stated_length_is_copied(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", IMAGE)
    source.rule("GET", BLOB, chunked())
    run(copier(source, target))
    _check(target)


# --- the source lies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [0, SIZE // 2, -1])
def test_a_wrong_byte_leaves_no_blob_at_the_target(
    source: ScriptedRegistry, target: ScriptedRegistry, at: int
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    source.rule("GET", BLOB, corrupt(at))
    with pytest.raises(OciError) as caught:
        run(copier(source, target))
    assert caught.value.code == "digest_mismatch"
    assert source.server_name in str(caught.value)
    assert len(source.seen("GET", BLOB)) == 2, "wrong bytes are asked for once more, not five times"
    assert target.repository("team/app").uploads == {}
    assert not [each for each in target.seen("PUT", "/blobs/uploads/") if each.body_bytes >= SIZE]
    assert LAYER.digest not in target.repository("team/app").blobs


def test_the_second_reading_may_be_right(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", IMAGE)
    source.rule("GET", BLOB, corrupt(-1), times=1)
    run(copier(source, target))
    _check(target)


@pytest.mark.parametrize("act", ["shorter", "longer", "longer chunked", "shorter chunked"])
def test_a_blob_of_another_size_is_refused(
    source: ScriptedRegistry, target: ScriptedRegistry, act: str
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    data = LAYER.data[:-1] if "shorter" in act else LAYER.data + b"x"
    source.rule("GET", BLOB, Reply(body=data, length=None if "chunked" in act else -1))
    with pytest.raises(OciError) as caught:
        run(copier(source, target))
    assert caught.value.code == "digest_mismatch"
    assert target.repository("team/app").uploads == {}
    assert LAYER.digest not in target.repository("team/app").blobs


# --- storage behind redirects ------------------------------------------------------------------------------


def test_storage_behind_a_redirect_sees_no_credentials(
    source: ScriptedRegistry, target: ScriptedRegistry, make_scripted: Make
) -> None:
    storage = make_scripted(host="127.0.0.2")
    source.add_image("library/app", "v1", IMAGE)
    storage.add_image("library/app", "v1", IMAGE)
    source.rule("GET", BLOB, redirect(storage.url + "{path}?signature=abc"))
    run(copier(source, target))
    _check(target)
    assert storage.seen("GET", BLOB)
    assert not [each for each in storage.requests if each.authorization]


def test_a_presigned_url_that_ran_out_is_asked_for_anew(
    source: ScriptedRegistry, target: ScriptedRegistry, make_scripted: Make
) -> None:
    storage = make_scripted(host="127.0.0.2")
    source.add_image("library/app", "v1", IMAGE)
    storage.add_image("library/app", "v1", IMAGE)
    storage.rule("GET", BLOB, cut(1_000_000), times=1)
    storage.rule(
        "GET", BLOB, Reply(403, body=b"<Error><Code>AccessDenied</Code>Request has expired</Error>"), times=1
    )
    source.rule("GET", BLOB, redirect(storage.url + "{path}"))
    run(copier(source, target))
    _check(target)
    assert len(source.seen("GET", BLOB)) == 3


# --- the target breaks off ---------------------------------------------------------------------------------


def test_a_cut_upload_goes_on_where_the_target_says(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    target.upload_cuts.append(("/blobs/uploads/session-", 2_000_000, "reset"))
    observer = Recorder()
    run(copier(source, target, observer=observer, parallel=1))
    _check(target)
    patch = target.seen("PATCH", "/blobs/uploads/")
    assert len(patch) == 1
    start = int(patch[0].headers["content-range"].partition("-")[0])
    assert start >= 1_000_000
    assert patch[0].body_bytes == SIZE - start
    done = [count for state, count in observer.states[LAYER.digest] if state == "copying"]
    assert done[-1] == SIZE


def test_a_lost_session_is_begun_again(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", IMAGE)
    target.upload_cuts.append(("/blobs/uploads/session-", 2_000_000, "lost"))
    target.rule("GET", "/blobs/uploads/", refuse(404, "BLOB_UPLOAD_UNKNOWN"), times=1)
    run(copier(source, target, parallel=1))
    _check(target)
    assert len(target.seen("POST", "/blobs/uploads/")) == len(IMAGE.blobs) + 1


def test_a_session_that_the_target_forgot_at_the_end_is_begun_again(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    target.rule("PUT", "/blobs/uploads/", refuse(404, "BLOB_UPLOAD_UNKNOWN"), times=1)
    run(copier(source, target))
    _check(target)


def test_an_error_after_all_bytes_need_not_mean_that_they_are_lost(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", IMAGE)

    def commit_then_fail(request: Request, proceed: Proceed) -> Reply:
        proceed()
        return refuse(502, "UNKNOWN")

    target.rule("PUT", "/blobs/uploads/", commit_then_fail, times=1)
    run(copier(source, target, parallel=1))
    _check(target)
    assert len([each for each in target.seen("PUT", "/blobs/uploads/") if each.body_bytes == SIZE]) == 1


def test_a_target_that_restarts_during_an_upload_is_tried_again(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    target.rule("PUT", "/blobs/uploads/", hang_up(), times=2)
    run(copier(source, target))
    _check(target)


def test_too_large_for_the_target_is_said_clearly_and_not_repeated(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    target.rule("PUT", "/blobs/uploads/", Reply(413, body=b"<html>nginx</html>"))
    with pytest.raises(OciError) as caught:
        run(copier(source, target, parallel=1))
    assert caught.value.code == "target_error"
    assert not caught.value.retryable
    assert "413" in str(caught.value) and "too large" in str(caught.value)
    paths = [each.path for each in target.seen("PUT", "/blobs/uploads/")]
    assert len(set(paths)) == len(paths), "each upload is tried once; the next may have begun already"


def test_an_early_413_is_heard_although_the_body_was_not_read(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    big = random_image([30_000_000], seed=22)
    source.add_image("library/app", "v1", big)
    raw = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    target.early_answers.append(("/blobs/uploads/session-", raw))
    with pytest.raises(OciError) as caught:
        run(copier(source, target, parallel=1))
    assert "413" in str(caught.value)


def test_a_full_disk_is_said_clearly(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", IMAGE)
    body = refuse(500, "UNKNOWN", "unknown error", detail={"Err": "write /data: no space left on device"})
    target.rule("PUT", "/blobs/uploads/", body)
    with pytest.raises(OciError) as caught:
        run(copier(source, target, parallel=1))
    assert caught.value.code == "target_error"
    assert "no space left" in str(caught.value)


# --- memory and the running hash ---------------------------------------------------------------------------


def test_a_layer_of_any_size_takes_the_memory_of_a_buffer() -> None:
    size = 400 * 1024 * 1024
    with EndlessSource(size) as source, SwallowingTarget() as target:
        made = copier(source, target, parallel=1)
        made.sign_in()
        tracemalloc.start()
        made.pull()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        made.cleanup()
        assert target.received >= size
    assert peak < 8 * 1024 * 1024


class TestRunningHash:
    def test_it_goes_back_to_a_place_it_kept_and_comes_to_the_same(self) -> None:
        data = LAYER.data * 20
        running = RunningHash(digest_of(data))
        self._feed(running, data)
        place = running.go_back(40_000_000)
        assert 0 < place <= 40_000_000
        assert self._feed(running, data[place:])
        assert running.digest == digest_of(data)

    def test_other_bytes_on_the_second_reading_are_noticed_at_once(self) -> None:
        data = LAYER.data * 20
        running = RunningHash(digest_of(data))
        self._feed(running, data[:50_000_000])
        place = running.go_back(40_000_000)
        other = bytearray(data[place:50_000_000])
        other[0] ^= 1
        assert not self._feed(running, bytes(other))

    def test_from_the_very_start_nothing_is_held_against_it(self) -> None:
        running = RunningHash(LAYER.digest)
        self._feed(running, b"wrong bytes")
        assert running.go_back(0) == 0
        assert self._feed(running, LAYER.data)
        assert running.digest == LAYER.digest

    @staticmethod
    def _feed(running: RunningHash, data: bytes) -> bool:
        view = memoryview(data)
        same = [running.update(view[at : at + 1_000_000]) for at in range(0, len(data), 1_000_000)]
        return all(same)
