"""Many ranges of one layer at once: in order, in bounded memory, and never a wrong blob, whatever a source does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from oci.cancel import CancelToken
from oci.copy.ranges.reading_ahead import SharedReading
from oci.copy.worker_pool import WorkerPool
from oci.errors import Canceled, OciError
from oci.limits import MIB
from oci.memory import ReadAhead
from oci.registry.connections import LocalConnections, Share
from oci.registry.mirrors import MirroredSource
from oci.registry.repository import Repository
from testbed.scripted_auth import BearerSignIn, TokenServer
from testbed.scripted_http import Reply, Request, ScriptedServer
from testbed.scripted_registry import Act, ScriptedRegistry, cut, too_many
from tests.oci.copy.ranges.part_answers import (
    BLOB,
    IMAGE,
    LAYER,
    LIES,
    OTHER_ANSWERS,
    SIZE,
    Proceed,
    flipped,
    parts,
    said,
    slow,
    span,
)
from tests.oci.copying import Recorder, client, copier, run

Make = Callable[..., ScriptedRegistry]


def copied(
    source: ScriptedRegistry | MirroredSource, target: ScriptedRegistry, reading: SharedReading
) -> Recorder:
    observer = Recorder()
    host = source.host if isinstance(source, MirroredSource) else source.server_name
    workers = WorkerPool(4, Share(reading.connections, host))
    result = run(copier(source, target, observer=observer, reading_ahead=reading, workers=workers))
    assert result.image.digest == IMAGE.digest
    assert target.repository("team/app").blobs[LAYER.digest] == LAYER.data
    return observer


def asked(source: ScriptedRegistry) -> list[tuple[int, int]]:
    return [found for each in source.seen("GET", BLOB) if (found := span(each))]


def test_a_slow_layer_comes_over_several_connections_and_no_byte_twice(
    source: ScriptedRegistry, target: ScriptedRegistry, reading: SharedReading
) -> None:
    source.rule("GET", BLOB, slow)
    observer = copied(source, target, reading)
    spans = sorted(asked(source))
    assert len(spans) > 3
    assert all(end + 1 == start for (_, end), (start, _) in pairwise(spans))
    assert spans[-1][1] == SIZE - 1
    assert observer.most_connections[LAYER.digest] > 1
    assert observer.retries == 0
    done = [done for _, done in observer.states[LAYER.digest]]
    assert done == sorted(done)


def test_a_quick_layer_comes_over_one(
    source: ScriptedRegistry, target: ScriptedRegistry, reading: SharedReading
) -> None:
    observer = copied(source, target, reading)
    assert asked(source) == []
    assert len(source.seen("GET", BLOB)) == 1
    assert observer.most_connections == {LAYER.digest: 1}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("after", [0, 2])
def test_a_lie_in_a_range_is_found_out_and_the_layer_read_once_more_over_one_connection(
    source: ScriptedRegistry, target: ScriptedRegistry, reading: SharedReading, lie: Act, after: int
) -> None:
    source.rule("GET", BLOB, parts(lie, after=after))
    copied(source, target, reading)
    wholes = [each for each in source.seen("GET", BLOB) if not each.headers.get("range")]
    assert len(wholes) == 2


def test_a_source_that_lies_in_ranges_and_in_the_whole_is_refused_by_name(
    source: ScriptedRegistry, target: ScriptedRegistry, reading: SharedReading
) -> None:
    source.rule("GET", BLOB, lambda request, proceed: flipped(request, lambda: slow(request, proceed)))
    with pytest.raises(OciError) as caught:
        copied(source, target, reading)
    assert caught.value.code == "digest_mismatch"
    assert LAYER.digest not in target.repository("team/app").blobs
    assert "v1" not in target.repository("team/app").manifests


@pytest.mark.parametrize("answer", OTHER_ANSWERS)
@pytest.mark.parametrize("after", [0, 3])
def test_another_answer_than_the_range_ends_the_ranges_and_the_rest_comes_over_one_connection(
    source: ScriptedRegistry, target: ScriptedRegistry, reading: SharedReading, answer: Act, after: int
) -> None:
    source.rule("GET", BLOB, parts(answer, after=after))
    copied(source, target, reading)
    assert reading.is_off
    spoiled = len(asked(source)) - after
    assert 0 < spoiled <= 8, "those that were on their way"


@pytest.mark.parametrize("by", ["reset", "end"])
def test_a_part_whose_connection_breaks_is_resumed_from_its_own_offset(
    source: ScriptedRegistry, target: ScriptedRegistry, reading: SharedReading, by: str
) -> None:
    source.rule("GET", BLOB, parts(cut(300_000, by)))
    observer = copied(source, target, reading)
    starts = [start for start, _ in asked(source)]
    assert len(starts) == len(set(starts)), "nothing that came is asked for again"
    assert len(starts) > 15
    assert not observer.waits


def test_parts_that_never_come_leave_the_layer_to_one_connection(
    source: ScriptedRegistry, target: ScriptedRegistry, reading: SharedReading
) -> None:
    source.rule("GET", BLOB, parts(cut(0)))
    copied(source, target, reading)
    assert len(asked(source)) <= 8


def test_a_source_that_says_429_to_the_fifth_connection_gets_one(
    source: ScriptedRegistry, target: ScriptedRegistry, reading: SharedReading
) -> None:
    source.rule("GET", BLOB, parts(too_many("1"), after=4))
    copied(source, target, reading)
    assert reading.is_off
    begun = [reading.connections.begin(client(source).host) for _ in range(2)]
    reading.connections.end(client(source).host)
    assert begun == [True, False], "for all imports of it"


def test_the_first_connection_may_break_while_others_bring_parts(
    source: ScriptedRegistry, target: ScriptedRegistry, reading: SharedReading
) -> None:
    def breaks(request: Request, proceed: Proceed) -> Reply:
        if span(request):
            return proceed()
        # A second and a half, so that the others have begun by then.
        return replace(slow(request, proceed), drip_seconds=0.05, cut_at=1_200_000, cut_by="reset")

    source.rule("GET", BLOB, breaks)
    copied(source, target, reading)
    # A reading that goes on alone asks once, for the rest.
    assert len(asked(source)) > 1


def test_the_first_connection_may_break_while_the_window_is_full(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    """What it leaves open is not waited for: nobody else brings it."""

    def breaks(request: Request, proceed: Proceed) -> Reply:
        return proceed() if span(request) else replace(slow(request, proceed), cut_at=1_900_000)

    source.rule("GET", BLOB, breaks)
    copied(source, target, SharedReading(memory=ReadAhead(2 * MIB)))
    assert asked(source)


def test_a_window_of_one_part_is_enough(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    source.rule("GET", BLOB, slow)
    reading = SharedReading(memory=ReadAhead(MIB))
    copied(source, target, reading)
    assert reading.memory._held == 0


def test_without_memory_there_is_one_connection(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    reading = SharedReading(memory=ReadAhead(MIB // 2))
    source.rule("GET", BLOB, lambda request, proceed: replace(proceed(), drip=400_000, drip_seconds=0.01))
    copied(source, target, reading)
    assert asked(source) == []


def test_a_host_that_has_its_fill_is_read_over_one_connection(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    reading = SharedReading(connections=LocalConnections(1))
    source.rule("GET", BLOB, lambda request, proceed: replace(proceed(), drip=400_000, drip_seconds=0.01))
    copied(source, target, reading)
    assert asked(source) == []


def test_each_part_goes_to_the_registry_for_a_fresh_url_of_its_storage(
    source: ScriptedRegistry, target: ScriptedRegistry, reading: SharedReading
) -> None:
    """Each URL is good once; the password of the registry stays there."""
    given: set[str] = set()

    def storage(request: Request) -> Reply:
        if request.asked("ticket") not in given:
            return Reply(403, body=b"expired")
        given.discard(request.asked("ticket"))
        found = span(request)
        if found is None:
            return replace(Reply(body=LAYER.data), drip=40_000, drip_seconds=0.01)
        return said(request, *found, LAYER.data[found[0] : found[1] + 1])

    with ScriptedServer(storage, host="127.0.0.3") as stored, TokenServer() as tokens:

        def redirected(_request: Request, _proceed: Proceed) -> Reply:
            given.add(ticket := str(len(source.requests)))
            return Reply(307, [("Location", f"{stored.url}/blob?ticket={ticket}")])

        source.sign_in = BearerSignIn(tokens)
        source.rule("GET", BLOB, lambda request, proceed: (
            redirected(request, proceed) if request.authorization else proceed()
        ))  # fmt: skip
        copied(source, target, reading)
        assert len([each for each in stored.requests if span(each)]) > 3
        assert not [each for each in stored.requests if each.authorization]


def test_a_redirect_of_a_part_to_a_forbidden_address_is_not_followed(
    source: ScriptedRegistry, target: ScriptedRegistry, reading: SharedReading
) -> None:
    def elsewhere(_request: Request, _proceed: Proceed) -> Reply:
        return Reply(307, [("Location", "http://169.254.169.254/latest")])

    source.rule("GET", BLOB, parts(elsewhere, after=2))
    copied(source, target, reading)


def test_parts_come_from_a_mirror_and_the_rest_from_the_registry_once_it_fails(
    make_scripted: Make, source: ScriptedRegistry, target: ScriptedRegistry, reading: SharedReading
) -> None:
    mirror = make_scripted(host="127.0.0.2")
    mirror.add_image("library/app", "v1", IMAGE)
    mirror.rule("GET", BLOB, parts(lambda _request, _proceed: Reply(404), after=2))
    copied(
        MirroredSource(
            [Repository(client(mirror, tries=2), "library/app"), Repository(client(source), "library/app")]
        ),
        target,
        reading,
    )
    assert len(asked(mirror)) > 2
    assert asked(source), "what the mirror does not have the registry gives"


def test_a_cancel_ends_all_connections_within_a_second(
    source: ScriptedRegistry, target: ScriptedRegistry, reading: SharedReading
) -> None:
    cancel, observer = CancelToken(), Recorder()
    held = threading.Event()

    def stuck(request: Request, proceed: Proceed) -> Reply:
        held.set()
        return replace(proceed(), stall_at=1000)

    source.rule("GET", BLOB, parts(stuck))
    made = copier(source, target, observer=observer, cancel=cancel, reading_ahead=reading)

    def cancel_it() -> None:
        held.wait(20)
        cancel.cancel()

    threading.Thread(target=cancel_it, daemon=True).start()
    with pytest.raises(Canceled):
        run(made)


def test_a_part_that_stands_still_while_others_move_is_taken_over(
    source: ScriptedRegistry, target: ScriptedRegistry, reading: SharedReading
) -> None:
    stalls = iter([True])

    def once(request: Request, proceed: Proceed) -> Reply:
        return replace(proceed(), stall_at=100_000) if next(stalls, False) else proceed()

    source.rule("GET", BLOB, parts(once))
    copied(source, target, reading)
