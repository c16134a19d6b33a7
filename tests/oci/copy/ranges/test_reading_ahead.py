"""How many connections read ahead of the reader, and how far."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from oci.cancel import CancelToken
from oci.copy.ranges.ranged_blob import RangedBlob
from oci.copy.ranges.reading_ahead import Fetchers, SharedReading
from oci.limits import FAR_SECONDS, MIB
from oci.memory import ReadAhead
from oci.registry.repository import Repository
from oci.spec.descriptor import Descriptor
from testbed.images import random_image
from testbed.scripted_http import Reply, Request
from testbed.scripted_registry import Act, ScriptedRegistry
from tests.oci.copy.ranges.part_answers import LAYER, SIZE, Proceed, slow
from tests.oci.copying import Recorder, client, copier, run

Make = Callable[..., ScriptedRegistry]
SMALL = random_image([4_000_000, 3_000_000], seed=63)


def late(request: Request, proceed: Proceed) -> Reply:
    """From afar: each answer begins late; the whole drips."""
    time.sleep(1.5 * FAR_SECONDS)
    return slow(request, proceed)


@pytest.mark.parametrize(("act", "is_far"), [(late, True), (slow, False)])
def test_a_layer_of_some_megabytes_comes_over_several_connections_from_afar(
    source: ScriptedRegistry, target: ScriptedRegistry, act: Act, is_far: bool
) -> None:
    source.add_image("library/app", "v1", SMALL)
    source.rule("GET", "/blobs/", act)
    observer = Recorder()
    run(copier(source, target, observer=observer, parallel=1))
    assert (observer.most_connections[SMALL.blobs[1].digest] > 1) is is_far
    assert target.repository("team/app").blobs[SMALL.blobs[1].digest] == SMALL.blobs[1].data


def test_the_next_layer_begins_with_as_many_as_have_helped_the_last(
    source: ScriptedRegistry, reading: SharedReading
) -> None:
    told: list[int] = []
    for reading.helped in (1, 4):
        blob = Descriptor(media_type="", digest=LAYER.digest, size=SIZE)
        made = Fetchers(
            Repository(client(source), "library/app"),
            blob,
            reading,
            cancel=CancelToken(),
            on_connections=told.append,
        )
        with made.changed:
            made.reader_reads = True
            made.begin(0, is_far=True)
        made.close()
        with made.changed:
            made.pieces.restart(SIZE)
    assert told[:1] == [4]


def test_no_part_begins_where_the_reader_is_about_to_read(
    source: ScriptedRegistry, reading: SharedReading
) -> None:
    """A blob that goes on near its end leaves less than the reader takes at once."""
    reading.helped = 4
    made = RangedBlob(
        Repository(client(source), "library/app"),
        Descriptor(media_type="", digest=LAYER.digest, size=SIZE),
        reading,
        cancel=CancelToken(),
        stop=lambda: None,
    )
    fetchers = made._fetchers
    with fetchers.changed:
        fetchers.position, fetchers.reader_reads = SIZE - MIB, True
        fetchers.pieces.restart(SIZE - MIB // 4)
        fetchers.reads_to = SIZE - MIB // 8
        piece = fetchers.pieces
    token = CancelToken()
    fetchers._members[threading.current_thread()] = token
    fetchers._ramp.end(4)
    claimed = fetchers._claim(token)
    assert claimed is not None and claimed.start >= fetchers.reads_to
    with fetchers.changed:
        fetchers._members.clear()
        piece.restart(SIZE)


def test_all_blobs_of_an_import_share_the_window(make_scripted: Make, target: ScriptedRegistry) -> None:
    image = random_image([9_000_448] * 3, seed=63)
    source = make_scripted()
    source.add_image("library/app", "v1", image)
    source.rule("GET", "/blobs/", lambda request, proceed: (
        slow(request, proceed) if len(proceed().body) > MIB else proceed()
    ))  # fmt: skip
    most = 0

    class Watched(ReadAhead):
        def take(self, count: int) -> bool:
            nonlocal most
            taken = super().take(count)
            most = max(most, self._held)
            return taken

    reading = SharedReading(memory=Watched(6 * MIB))
    assert run(copier(source, target, reading_ahead=reading)).image.digest == image.digest
    assert 0 < most <= 6 * MIB
    assert reading.memory._held == 0
