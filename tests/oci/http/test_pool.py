"""Connections that wait for the next import: used again, never shared, never more than a few."""

from __future__ import annotations

import contextlib
import gc
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from oci.cancel import CancelToken
from oci.errors import Canceled
from oci.http import pool
from oci.http.pool import MAX_IDLE, IdleConnections
from oci.registry.repository import Repository
from testbed.images import random_image
from testbed.scripted_http import Reply, Request, ScriptedServer
from testbed.scripted_registry import ScriptedRegistry, stall
from tests.oci.copying import MADE, client, copier, run

IMAGE = random_image([4_096, 4_096], seed=61)


@pytest.fixture
def kept() -> Iterator[IdleConnections]:
    connections = IdleConnections()
    yield connections
    connections.close()


@pytest.fixture
def registry() -> Iterator[ScriptedRegistry]:
    with ScriptedRegistry() as server:
        server.add_image("library/app", "v1", IMAGE)
        yield server


def look(registry: ScriptedRegistry, kept: IdleConnections | None = None, **more: Any) -> None:
    """One question of a client that is closed afterwards, as each import's is."""
    with contextlib.closing(client(registry, idle=kept, **more)) as asking:
        assert Repository(asking, "library/app").head_manifest("v1") is not None


def test_the_next_client_goes_on_where_the_last_one_stopped(
    registry: ScriptedRegistry, kept: IdleConnections
) -> None:
    for _ in range(5):
        look(registry, kept)
    assert registry.connections == 1


def test_a_client_on_its_own_takes_its_connections_along(registry: ScriptedRegistry) -> None:
    for _ in range(3):
        look(registry)
    assert registry.connections == 3


def test_imports_that_follow_each_other_need_few_connections(
    registry: ScriptedRegistry, kept: IdleConnections
) -> None:
    with ScriptedRegistry() as target:
        for number in range(4):
            made = copier(
                registry,
                target,
                to=f"team/app-{number}:v1",
                parallel=2,
                source_options={"idle": kept},
                target_options={"idle": kept},
            )
            assert run(made).image.digest == IMAGE.digest
        # As many as one of them alone would have had: its two threads, and the one that waits for them.
        assert registry.connections <= 3
        assert target.connections <= 3


def test_what_the_server_closed_is_not_used(registry: ScriptedRegistry, kept: IdleConnections) -> None:
    look(registry, kept)
    registry.drop_connections()
    look(registry, kept)
    assert registry.connections == 2


@pytest.mark.parametrize("limit", ["IDLE_SECONDS", "OLDEST_SECONDS"])
def test_what_rested_for_too_long_or_is_too_old_is_not_used(
    registry: ScriptedRegistry, kept: IdleConnections, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    look(registry, kept)
    monkeypatch.setattr(pool, limit, 0.0)
    look(registry, kept)
    assert registry.connections == 2


def test_no_more_than_a_few_are_kept(kept: IdleConnections) -> None:
    def answer(_request: Request) -> Reply:
        together.wait(60)
        return Reply()

    count = MAX_IDLE + 8
    together = threading.Barrier(count)
    with ScriptedServer(answer) as server:
        threads = [
            threading.Thread(
                target=Repository(client(server, idle=kept), "library/app").head_manifest, args=("v1",)
            )
            for _ in range(count)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert server.connections == count
        left = [kept.take(("http", server.host, server.port)) for _ in range(count)]
    open_ones = [each for each in left if each is not None]
    for each in open_ones:
        each.close()
    assert len(open_ones) == MAX_IDLE


def test_the_cancel_of_an_import_that_is_over_touches_nothing(
    registry: ScriptedRegistry, kept: IdleConnections
) -> None:
    over = CancelToken()
    look(registry, kept, cancel=over)
    over.cancel()
    look(registry, kept)
    assert registry.connections == 1


def test_a_cancel_reaches_a_connection_that_another_import_had_opened(
    registry: ScriptedRegistry, kept: IdleConnections
) -> None:
    look(registry, kept)
    registry.rule("GET", "/manifests/", stall(0))
    cancel = CancelToken()
    threading.Timer(0.3, cancel.cancel).start()
    with pytest.raises(Canceled):
        Repository(
            client(registry, idle=kept, cancel=cancel, stall_seconds=30.0), "library/app"
        ).get_manifest("v1")
    assert registry.connections == 1


def test_a_canceled_import_takes_none(registry: ScriptedRegistry, kept: IdleConnections) -> None:
    look(registry, kept)
    canceled = CancelToken()
    canceled.cancel()
    with pytest.raises(Canceled):
        look(registry, kept, cancel=canceled)
    look(registry, kept)
    assert registry.connections == 1


def test_a_forked_process_opens_its_own(registry: ScriptedRegistry, kept: IdleConnections) -> None:
    look(registry, kept)
    child = os.fork()
    if child == 0:
        taken = kept.take(("http", registry.host, registry.port))
        os._exit(0 if taken is None else 1)
    assert os.waitpid(child, 0)[1] == 0
    look(registry, kept)
    assert registry.connections == 1


def test_whoever_forgets_them_closes_them(registry: ScriptedRegistry) -> None:
    forgotten = IdleConnections()
    look(registry, forgotten)
    connection = forgotten.take(("http", registry.host, registry.port))
    assert connection is not None
    forgotten.keep(connection)
    MADE.clear()  # The client that asked is closed, and holds on to them.
    del forgotten
    gc.collect()
    assert connection.sock.fileno() == -1
