"""PostgreSQL restarted, cut off, and away for longer than a lease, while imports run and tags are about to be put."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.services import PostgresServer, start_postgres
from testbed.tcp_proxy import TcpProxy
from tests.support.house import KIB, House
from tests.system.conftest import MakeHouse, new_database

#: Longer than others have: on a busy machine PostgreSQL needs seconds to start again, and an attempt whose lease runs
#: out meanwhile is rightly lost. Seconds.
LEASE = 8


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, postgres_seed: Path) -> Iterator[PostgresServer]:
    """The database of this module's portal, to be broken."""
    found = start_postgres(tmp_path_factory.mktemp("postgres"), seed=postgres_seed)
    yield found
    found.running.stop()


@pytest.fixture(scope="module")
def wire(server: PostgresServer) -> Iterator[TcpProxy]:
    """What the portal reaches its database through; the tests' own eyes look past it."""
    with TcpProxy(("127.0.0.1", server.port)) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def house(server: PostgresServer, wire: TcpProxy, make_house: MakeHouse) -> House:
    url = new_database(server)
    house = make_house(
        database_url=url,
        own_target=True,
        DATABASE_URL=url.replace(str(server.port), str(wire.port)),
        IMPORT_LEASE_SECONDS=str(LEASE),
    )
    house.project()
    return house


def test_cut_connections_are_made_again(house: House, wire: TcpProxy) -> None:
    with house.caught_in_a_layer("cut") as task:
        broken = 0
        for _ in range(4):
            broken += wire.reset_all()
            time.sleep(0.6)
        assert broken >= 3
    house.succeed(task)
    # It may wait for the token service, whose connections were cut, too: that burns no attempt.
    *before, last = house.outcomes(task)
    assert last == (1, "success")
    assert set(before) <= {(1, "waiting")}


def test_a_restarted_database_costs_no_attempt(house: House, server: PostgresServer) -> None:
    with house.caught_in_a_layer("restarted") as task:
        before = house.rows.task(task).bytes_done
        server.running.restart()
        house.until(task, lambda row: row.bytes_done > before)
    house.succeed(task)
    assert [outcome for _, outcome in house.outcomes(task)][-1] == "success"
    assert house.rows.task(task).attempts == 1


def test_a_database_away_longer_than_the_lease_stops_the_attempt(house: House, wire: TcpProxy) -> None:
    """The layer goes on arriving meanwhile, but no tag is put by an attempt whose lease has run out."""
    name = "away/long"
    old = house.image("away/old", [64 * KIB])
    before = house.put_before(f"faults/{name}", "1", old)
    with house.caught_in_a_layer(name) as task:
        wire.refuse()
        house_stands_still = time.monotonic() + LEASE + 2
        time.sleep(1)
    # The layer is complete now, within the lease; the tag needs the database.
    while time.monotonic() < house_stands_still:
        assert house.verify(f"faults/{name}", "1") == before
        time.sleep(0.3)
    wire.accept()
    done = house.succeed(task)
    assert (done.fence, done.digest) == (2, house.images[name].digest)
    assert house.outcomes(task) == [(1, "lost"), (2, "success")]


def test_a_database_away_for_a_moment_at_the_tag_is_waited_for(house: House, wire: TcpProxy) -> None:
    with house.caught_in_a_layer("away/short") as task:
        wire.refuse()
    time.sleep(1)
    wire.accept()
    done = house.succeed(task)
    assert done.attempts <= 2
    assert {outcome for _, outcome in house.outcomes(task)} <= {"success", "lost", "waiting"}


def test_a_database_that_hangs_holds_the_tag_back(house: House, wire: TcpProxy) -> None:
    name = "hanging"
    with house.caught_in_a_layer(name) as task:
        wire.freeze()
        time.sleep(0.5)
    time.sleep(LEASE + 1)
    assert house.rows.task(task).status == "running"
    assert not house.has_tag(f"faults/{name}", "1")
    wire.thaw()
    house.succeed(task)


def test_pages_say_503_and_come_back(house: House, wire: TcpProxy) -> None:
    wire.refuse()
    answer = house.portal.call("GET", "/projects")
    assert answer.status_code in (500, 503)
    assert "Traceback" not in answer.text
    wire.accept()
    house.until_answers("/projects")
