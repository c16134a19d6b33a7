"""How many connections an import may have at its source: one always, and the others as they are free."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from oci.copy.ranges.reading_ahead import SharedReading
from oci.copy.worker_pool import WorkerPool
from oci.limits import BUFFER_BYTES
from oci.registry.connections import LocalConnections, Share
from stack.sample import index_of
from testbed.images import random_image
from testbed.scripted_http import Reply, Request
from testbed.scripted_registry import ScriptedRegistry, cut
from tests.oci.copying import copier, run

IMAGE = random_image([3_000, 4_000, 5_000], seed=81)


#: A broken promise shows as an answer that is never given, seconds.
PATIENCE = 60.0


class TestShare:
    def test_the_first_needs_no_ones_leave_and_more_do(self) -> None:
        connections = LocalConnections(2)
        share = Share(connections, "host")
        with share.one(), share.one():
            assert not connections.begin("host")
        assert [connections.begin("host") for _ in range(3)] == [True, True, False], "given back"

    def test_who_finds_none_waits_for_one_of_its_own_import(self) -> None:
        share = Share(LocalConnections(0), "host")
        order: list[str] = []
        with share.one():
            thread = threading.Thread(target=lambda: self._take(share, order))
            thread.start()
            time.sleep(0.05)
            order.append("first")
        thread.join(PATIENCE)
        assert order == ["first", "second"]

    @staticmethod
    def _take(share: Share, order: list[str]) -> None:
        with share.one():
            order.append("second")


class Counting(LocalConnections):
    """Remembers how many there were at once."""

    most_open = 0

    def begin(self, host: str) -> bool:
        begun = super().begin(host)
        self.most_open = max(self.most_open, self._open[host])
        return begun


@pytest.mark.parametrize("most", [1, 3])
def test_all_that_an_import_asks_its_source_counts(
    source: ScriptedRegistry, target: ScriptedRegistry, most: int
) -> None:
    """Tag, children, what is attached, configurations, small blobs and large ones."""
    sizes = [3_000, 4_000, 5_000, BUFFER_BYTES + 1, BUFFER_BYTES + 2]
    index = index_of(
        [
            random_image(sizes, seed=95 + n, platform=f"linux/{each}")
            for n, each in enumerate(("amd64", "arm64"))
        ]
    )
    source.add_image("library/app", "v1", index)
    inside, seen, lock = 0, 0, threading.Lock()

    def counted(_request: Request, proceed: Callable[[], Reply]) -> Reply:
        nonlocal inside, seen
        with lock:
            inside += 1
            seen = max(seen, inside)
        time.sleep(0.005)
        with lock:
            inside -= 1
        return proceed()

    source.rule("", "/v2/", counted)
    connections = Counting(most)
    workers = WorkerPool(16, Share(connections, "host"))
    made = copier(source, target, workers=workers, reading_ahead=SharedReading(connections=connections))
    assert run(made).image.digest == index.digest
    assert seen <= most
    assert connections.most_open == most
    assert not +connections._open


def test_a_small_blob_has_a_connection_to_its_source_only_while_it_is_read(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    connections = LocalConnections()

    def once_all_are_free(_request: Request, proceed: Callable[[], Reply]) -> Reply:
        deadline = time.monotonic() + PATIENCE
        while connections._open["host"]:
            if time.monotonic() > deadline:
                return Reply(400)
            time.sleep(0.005)
        return proceed()

    target.rule("PUT", "/blobs/uploads/", once_all_are_free)
    workers = WorkerPool(16, Share(connections, "host"))
    assert run(copier(source, target, workers=workers)).image.digest == IMAGE.digest


def test_one_connection_and_one_place_at_the_target_are_enough_where_each_blob_breaks_off(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    """Who has the place at the target waits for no connection, or two would wait for each other."""
    image = random_image([200_000 + n for n in range(4)], seed=98)
    source.add_image("library/app", "v1", image)
    for blob in image.blobs[1:]:
        source.rule("GET", f"/blobs/{blob.digest}", cut(100_000), times=1)
    workers = WorkerPool(16, Share(LocalConnections(1), "host"))
    assert run(copier(source, target, parallel=1, workers=workers)).image.digest == image.digest
    for blob in image.blobs[1:]:
        assert len(source.seen("GET", f"/blobs/{blob.digest}")) == 2
