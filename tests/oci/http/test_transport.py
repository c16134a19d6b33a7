"""Connections are kept and opened ahead, and one that is gone costs nothing."""

from __future__ import annotations

import time

import pytest

from oci.http.pool import IdleConnections
from oci.registry.repository import Repository
from oci.urls import parse_url
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry, stall
from tests.oci.copying import Recorder, client

IMAGE = random_image([4_096], seed=51)


def test_connections_are_kept(source: ScriptedRegistry) -> None:
    reader = client(source)
    source.add_image("library/app", "v1", IMAGE)
    for _ in range(5):
        Repository(reader, "library/app").get_manifest("v1")
    assert source.connections == 1


def test_a_kept_connection_that_the_server_closed_costs_no_try(source: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", IMAGE)
    observer = Recorder()
    reader = client(source, on_retry=observer.retried)
    Repository(reader, "library/app").get_manifest("v1")
    for connection in list(source._live):
        connection.shutdown(2)
    time.sleep(0.05)
    Repository(reader, "library/app").get_manifest("v1")
    assert observer.retries == 0


@pytest.mark.parametrize(("left", "then"), [(2, 7), (3, 3)])
def test_none_is_opened_ahead_where_an_earlier_import_left_some(
    source: ScriptedRegistry, left: int, then: int
) -> None:
    idle = IdleConnections()
    for most in (left, 7):
        made = client(source, idle=idle)
        for _ in range(most):
            made.open_ahead(most)
    assert idle.count(parse_url(source.url).origin) == then
    idle.close()


def test_a_kept_connection_that_falls_silent_is_given_up_for_another(source: ScriptedRegistry) -> None:
    """Its first answer comes whole, to the next request it says nothing."""
    source.add_image("library/app", "v1", random_image([1000]))
    source.rule("GET", "/manifests/", stall(10_000_000), times=1)
    reader = client(source, headers_seconds=2.0)
    first, started = Repository(reader, "library/app").get_manifest("v1"), time.monotonic()
    assert Repository(reader, "library/app").get_manifest("v1") == first
    assert 2.0 <= time.monotonic() - started < 60
    assert len(source.seen("GET", "/manifests/")) == 2
