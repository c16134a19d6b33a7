"""Whole portals for the tests of faults: one a module, since each takes seconds to start."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TypeVar

import psycopg
import pytest

from testbed.portal import PortalProcess
from testbed.services import PostgresServer, RegistryServer, start_registry
from tests.support.house import QUICK, House, open_house, watch

MakeHouse = Callable[..., House]
Test = TypeVar("Test", bound=Callable[..., None])


def on_both(test: Test) -> Test:
    """Runs a test on SQLite and on PostgreSQL, in a module whose ``house`` knows both; others run on SQLite only."""
    test.on_both = True  # type: ignore[attr-defined]
    return test


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """All tests of one database share one portal."""
    if "house" in metafunc.fixturenames and hasattr(metafunc.module, "on_both"):
        databases = ["sqlite", "postgres"] if getattr(metafunc.function, "on_both", False) else ["sqlite"]
        metafunc.parametrize("house", databases, indirect=True, scope="module")


def new_database(postgres: PostgresServer) -> str:
    """The URL of a database of one's own with all tables; of a server that began as ``postgres_seed``."""
    name = f"faults_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE tables'.encode())
    return postgres.url(name)


@pytest.fixture(scope="module")
def make_house(
    tmp_path_factory: pytest.TempPathFactory, make_module_portal: Callable[..., PortalProcess]
) -> Iterator[MakeHouse]:
    """Starts a portal with short times, a scripted source before it, and a watch over its rows.

    When the module ends, everything that was accepted must have ended, and every invariant must hold.
    """
    with ExitStack() as stack:
        watched = []

        def make(
            *,
            database_url: str = "",
            own_target: bool = False,
            target: RegistryServer | None = None,
            target_url: str = "",
            **env: str,
        ) -> House:
            if own_target:
                target = start_registry(tmp_path_factory.mktemp("target"))
                stack.callback(target.running.stop)
                env = {"REGISTRY_URL": target.url, "REGISTRY_AUTH": "none", **env}
            if database_url:
                env = {"DATABASE_URL": database_url, **env}
            portal = make_module_portal(**{**QUICK, **env})
            house = open_house(stack, portal, database_url=database_url, target=target, target_url=target_url)
            watched.append((house, stack.enter_context(watch(house))))
            return house

        yield make
        wrong = [sentence for house, looking in watched for sentence in [*house.check(), *looking.violations]]
        assert not wrong, "\n".join(wrong)
