"""Places for questions to registries: few, given back whatever happens, and shared between processes by person."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.cache import cache

from accounts.exceptions import ApplicationError
from oci.errors import OciError
from projects import places
from projects.places import (
    Busy,
    asking_others,
    asking_ours,
    downloading,
    is_turn_of,
    one_at_a_time,
    reading_ours,
)
from tests.support.fresh import fresh_memory
from tests.support.people import make_user

__all__ = ["fresh_memory"]

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def eight_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_THREADS", "8")
    places._foreign.cache_clear()
    places._own.cache_clear()
    places._downloads.cache_clear()


def users(count: int) -> list[User]:
    return [make_user(f"user-{number}") for number in range(count)]


def test_a_quarter_of_the_threads_may_ask_foreign_registries() -> None:
    first, second, third = users(3)
    with ExitStack() as stack:
        for user in (first, second):
            stack.enter_context(asking_others(user, seconds=60))
        with pytest.raises(ApplicationError) as refused, asking_others(third, seconds=60):
            raise AssertionError("there was a place")
        assert refused.value.retry_after == places.COME_BACK
    with asking_others(third, seconds=60):
        pass


def test_one_person_has_two_places_in_all_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process has its own threads, and the same cache."""
    (user,) = users(1)
    monkeypatch.setenv("WEB_THREADS", "80")
    with ExitStack() as stack:
        for _ in range(places.PER_USER):
            stack.enter_context(asking_others(user, seconds=60))
            places._foreign.cache_clear()
        with pytest.raises(ApplicationError), asking_others(user, seconds=60):
            raise AssertionError("there was a place")
        with asking_others(make_user("other"), seconds=60):
            pass
    with asking_others(user, seconds=60):
        pass


def test_a_place_is_given_back_after_a_failure() -> None:
    (user,) = users(1)
    for _ in range(10):
        with pytest.raises(ZeroDivisionError), asking_others(user, seconds=60):
            raise ZeroDivisionError
        with pytest.raises(ZeroDivisionError), asking_ours():
            raise ZeroDivisionError


def test_a_refused_person_keeps_no_place_of_the_process() -> None:
    first, second = users(2)
    places._foreign.cache_clear()
    for number in range(places.PER_USER):
        cache.add(f"asking:{first.pk}:{number}", "another process", 60)
    for _ in range(10):
        with pytest.raises(ApplicationError), asking_others(first, seconds=60):
            raise AssertionError("there was a place")
    with asking_others(second, seconds=60):
        pass
    assert cache.get(f"asking:{first.pk}:0") == "another process"


def test_a_question_that_takes_too_long_is_given_up() -> None:
    (user,) = users(1)
    with pytest.raises(OciError) as ended, asking_others(user, seconds=0.2) as cancel:
        cancel.wait(60)
    assert ended.value.code == "timeout"


def test_half_of_the_threads_may_wait_for_the_private_registry() -> None:
    with ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(asking_ours())
        with pytest.raises(OciError, match="at once"), asking_ours():
            raise AssertionError("there was a place")


def test_one_person_reads_two_images_at_once_in_all_processes() -> None:
    first, second = users(2)
    with ExitStack() as stack:
        for _ in range(places.PER_USER):
            stack.enter_context(reading_ours(first))
            places._own.cache_clear()  # another process
        with pytest.raises(OciError) as refused, reading_ours(first):
            raise AssertionError("there was a place")
        assert (refused.value.code, refused.value.retry_after) == ("rate_limited", places.COME_BACK)
        for reader in (second, None):
            stack.enter_context(reading_ours(reader))
        # What else is done at the private registry has the other places.
        stack.enter_context(asking_ours())
    with reading_ours(first):
        pass


def test_an_account_has_one_worker_at_a_time() -> None:
    with ExitStack() as stack:
        for account, what in (("a", "layers"), ("b", "layers"), ("a", "scans")):
            stack.enter_context(one_at_a_time(account, what))
        with pytest.raises(Busy), one_at_a_time("a", "layers"):
            raise AssertionError("there was a place")
    with one_at_a_time("a", "layers") as renew:
        renew()


def test_who_waits_longest_is_the_next() -> None:
    for account in ("a", "b", "c", "a", "b"):
        assert not is_turn_of(account, "layers", 0)
    assert is_turn_of("z", "scans", 1)
    assert [is_turn_of(account, "layers", 1) for account in ("c", "b", "a")] == [False, False, True]
    assert not is_turn_of("a", "layers", 1), "the last in line now"
    assert [is_turn_of(account, "layers", 2) for account in ("a", "c", "b")] == [False, True, True]
    assert is_turn_of("a", "layers", 1)


def test_who_does_not_ask_again_has_left_the_line() -> None:
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        assert not is_turn_of("a", "layers", 0)
        assert not is_turn_of("b", "layers", 1)
        clock.shift(places._IN_LINE - 1)
        assert not is_turn_of("b", "layers", 1)
        clock.shift(1)
        assert is_turn_of("b", "layers", 1)


def test_a_quarter_of_the_threads_may_serve_downloads_and_one_person_has_two_in_all_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(places, "_MOMENT", 0.2)
    first, second = users(2)
    with ExitStack() as stack:
        for user in (first, second):
            stack.enter_context(downloading(user))
        with pytest.raises(ApplicationError) as refused, downloading(second):
            raise AssertionError("there was a place")
        assert (refused.value.code, refused.value.retry_after) == ("downloads_busy", places.COME_BACK)
        places._downloads.cache_clear()  # another process
        stack.enter_context(downloading(first))
        with pytest.raises(ApplicationError), downloading(first):
            raise AssertionError("there was a place")
    with downloading(first) as renew:
        renew()


def test_the_next_download_waits_a_moment_for_the_place_of_the_one_before() -> None:
    (user,) = users(1)
    held = [downloading(user) for _ in range(2)]
    for each in held:
        each.__enter__()
    later = threading.Timer(0.2, held[0].__exit__, (None, None, None))
    later.start()
    with downloading(user):
        later.join()
    held[1].__exit__(None, None, None)
