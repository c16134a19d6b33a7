"""Counting failed sign-ins, with Redis and without."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.core.cache import cache, caches

from accounts import dedupe
from accounts.sign_in.throttling import (
    PER_ACCOUNT,
    PER_ACCOUNT_ANYWHERE,
    PER_ADDRESS,
    WINDOW,
    blocked_for,
    failed,
    succeeded,
)
from registry_portal.cache import breaker
from testbed.services import RedisServer
from tests.accounts.caching import use_redis


def fail(times: int, account: str = "ann", address: str | None = "203.0.113.1") -> None:
    for _ in range(times):
        failed(account=account, address=address)


def test_an_account_is_blocked_for_a_while_and_then_no_more() -> None:
    with time_machine.travel(1_900_000_000, tick=False) as clock:
        fail(PER_ACCOUNT, address=None)
        assert blocked_for(account="ann", address=None) == WINDOW
        assert blocked_for(account="ANN", address=None) == WINDOW
        assert blocked_for(account="bob", address=None) == 0
        clock.shift(WINDOW - 1)
        assert blocked_for(account="ann", address=None) == 1
        clock.shift(1)
        cache.clear()  # its clock is not moved
        assert blocked_for(account="ann", address=None) == 0


def test_an_address_is_blocked_whatever_accounts_it_tries() -> None:
    for number in range(PER_ADDRESS):
        fail(1, account=f"user{number}")
    assert blocked_for(account="ann", address="203.0.113.1") > 0
    assert blocked_for(account="ann", address="203.0.113.2") == 0


@pytest.mark.django_db
def test_a_success_forgives_the_account_there_and_not_the_address() -> None:
    fail(PER_ACCOUNT)
    succeeded(account="ann", address="203.0.113.1")
    assert blocked_for(account="ann", address="203.0.113.1") == 0
    fail(PER_ADDRESS - PER_ACCOUNT)
    succeeded(account="ann", address="203.0.113.1")
    assert blocked_for(account="ann", address="203.0.113.1") > 0


@pytest.mark.django_db
def test_failures_from_everywhere_block_an_account_where_it_is_not_known() -> None:
    succeeded(account="ann", address="198.51.100.7")
    for number in range(PER_ACCOUNT_ANYWHERE - 1):
        fail(1, address=f"203.0.113.{number}")
    assert blocked_for(account="ann", address="192.0.2.1") == 0
    fail(1, address="203.0.113.200")
    assert 0 < blocked_for(account="ann", address="192.0.2.1") <= WINDOW
    assert blocked_for(account="ann", address="198.51.100.7") == 0
    assert blocked_for(account="bob", address="192.0.2.1") == 0


def test_one_failure_less_blocks_nobody() -> None:
    fail(PER_ACCOUNT - 1)
    assert blocked_for(account="ann", address="203.0.113.1") == 0


@pytest.mark.usefixtures("redis_cache")
def test_processes_share_their_counts_through_redis() -> None:
    fail(PER_ACCOUNT, address=None)
    caches["local"].clear()  # as another process
    assert 0 < blocked_for(account="ann", address=None) <= WINDOW
    succeeded(account="ann", address=None)
    caches["local"].clear()
    assert blocked_for(account="ann", address=None) == 0


def test_with_redis_away_each_process_still_counts(
    make_redis: Callable[[], RedisServer], settings: Any
) -> None:
    server = make_redis()
    use_redis(settings, server.url)
    fail(1)
    server.running.stop()
    began = time.monotonic()
    fail(PER_ACCOUNT - 1)
    assert blocked_for(account="ann", address="203.0.113.1") > 0
    assert dedupe.first_within(60, "thing")
    assert not dedupe.first_within(60, "thing")
    assert time.monotonic() - began < 20
    breaker.close()


def test_a_process_remembers_no_more_than_fits(settings: Any) -> None:
    settings.CACHES = {
        name: {**own, "OPTIONS": {"MAX_ENTRIES": 20}} if name == "local" else own
        for name, own in settings.CACHES.items()
    }
    for number in range(100):
        dedupe.first_within(60, f"thing {number}")
    assert (
        sum(not dedupe.first_within(60, f"thing {number}") for number in range(100)) == 100
    )  # the shared one knows
    assert len(caches["local"]._cache) <= 20  # type: ignore[attr-defined]


def test_names_of_any_kind_can_be_counted() -> None:
    for name in ("", "\0", "x" * 10_000, "\ud800", "ünï"):
        fail(PER_ACCOUNT, account=name, address=None)
        assert blocked_for(account=name, address=None) > 0
