"""A layer over one connection that breaks: its rest is answered by every kind of lie, and is right or never there."""

from __future__ import annotations

import pytest

from oci.copy.ranges.reading_ahead import SharedReading
from oci.copy.worker_pool import WorkerPool
from oci.errors import OciError
from oci.registry.connections import LocalConnections, Share
from testbed.scripted_http import Reply, Request
from testbed.scripted_registry import Act, ScriptedRegistry, cut, too_many
from tests.oci.copy.ranges.part_answers import (
    BLOB,
    IMAGE,
    LAYER,
    LIES,
    OTHER_ANSWERS,
    SIZE,
    Proceed,
    too_long_unsaid,
)
from tests.oci.copying import Recorder, copier, run

#: Bytes that are found out at their end only; and what is seen to be something else before a byte of it counts.
FOUND_LATE: list[Act] = [*LIES, too_long_unsaid]
SEEN_AT_ONCE: list[Act] = [each for each in OTHER_ANSWERS if each is not too_long_unsaid]
SEEN_AT_ONCE += [cut(300_000), cut(300_000, "end"), too_many("0")]


def copied(source: ScriptedRegistry, target: ScriptedRegistry) -> Recorder:
    """Its host takes one connection, so that no part is asked for."""
    observer, connections = Recorder(), LocalConnections(1)
    reading = SharedReading(connections=connections)
    workers = WorkerPool(4, Share(connections, source.server_name))
    run(copier(source, target, observer=observer, reading_ahead=reading, workers=workers))
    return observer


def broken(act: Act, times: int | None = None) -> Act:
    """The first connection breaks; ``act`` answers for the rest, for ever or so often."""
    first, left = iter([cut(4_000_000)]), iter(range(times if times is not None else 1000))

    def answer(request: Request, proceed: Proceed) -> Reply:
        if "range" not in request.headers:
            return next(first, lambda _request, honest: honest())(request, proceed)
        return proceed() if next(left, None) is None else act(request, proceed)

    return answer


def asked(source: ScriptedRegistry) -> list[str]:
    return [each.headers.get("range", "") for each in source.seen("GET", BLOB)]


def sent(target: ScriptedRegistry) -> int:
    """How often the layer was sent to its end."""
    return len([each for each in target.seen("PUT", "/blobs/uploads/") if each.body_bytes == SIZE])


@pytest.mark.parametrize("lie", FOUND_LATE)
def test_a_lie_in_the_rest_is_found_out_and_the_layer_read_once_more(
    source: ScriptedRegistry, target: ScriptedRegistry, lie: Act
) -> None:
    source.rule("GET", BLOB, broken(lie, times=1))
    copied(source, target)
    assert target.repository("team/app").blobs[LAYER.digest] == LAYER.data
    assert asked(source).count("") == 2
    assert sent(target) == 1, "never to its end with wrong bytes"


@pytest.mark.parametrize("answer", SEEN_AT_ONCE)
def test_another_answer_for_the_rest_costs_no_byte_at_the_target(
    source: ScriptedRegistry, target: ScriptedRegistry, answer: Act
) -> None:
    source.rule("GET", BLOB, broken(answer, times=1))
    copied(source, target)
    assert target.repository("team/app").blobs[LAYER.digest] == LAYER.data
    assert len(target.seen("POST", "/blobs/uploads/")) == len(IMAGE.blobs), "one upload each"
    assert sent(target) == 1


@pytest.mark.parametrize("answer", [*FOUND_LATE, *SEEN_AT_ONCE])
def test_a_source_that_never_answers_otherwise_leaves_the_right_blob_or_none(
    source: ScriptedRegistry, target: ScriptedRegistry, answer: Act
) -> None:
    """As it says so each time, it is asked so often and no more."""
    source.rule("GET", BLOB, broken(answer))
    there = target.repository("team/app")
    try:
        copied(source, target)
    except OciError as error:
        assert error.code in ("digest_mismatch", "source_error", "rate_limited")
        assert LAYER.digest not in there.blobs
        assert "v1" not in there.manifests
    else:
        assert there.blobs[LAYER.digest] == LAYER.data
    assert all(each.endswith("-") for each in asked(source) if each), "no parts"
    assert len(asked(source)) < 50
