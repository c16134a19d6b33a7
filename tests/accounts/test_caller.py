"""Who acts and from where: known while something is done for them, and forgotten after."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextvars import copy_context
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from accounts.caller import (
    Actor,
    acting_as,
    answering,
    calling_from,
    client_address,
    current_actor,
    current_address,
    on_its_own,
)
from accounts.middleware import CallerMiddleware

NO_ONE = Actor()
ANN, BOB = User(pk=1, username="ann"), User(pk=2, username="bob")


@pytest.fixture(autouse=True)
def no_one_before_and_after() -> Iterator[None]:
    """A test that leaves someone behind would be the fault that it looks for."""
    assert (current_actor(), current_address()) == (NO_ONE, None)
    yield
    assert (current_actor(), current_address()) == (NO_ONE, None)


def request_of(user: Any, peer: str = "203.0.113.5") -> HttpRequest:
    made = RequestFactory().get("/", REMOTE_ADDR=peer)
    if user is not None:
        made.user = user
    return made


def who(_request: HttpRequest | None = None) -> HttpResponse:
    return HttpResponse(f"{current_actor().name} {current_address()}")


def test_of_two_requests_on_one_thread_each_has_its_own_sender() -> None:
    answer = CallerMiddleware(who)
    assert answer(request_of(ANN)).content == b"ann 203.0.113.5"
    assert (current_actor(), current_address()) == (NO_ONE, None)
    assert answer(request_of(AnonymousUser(), "198.51.100.9")).content == b" 198.51.100.9"
    assert answer(request_of(BOB, "")).content == b"bob None"


def test_a_request_that_fails_is_forgotten_as_well() -> None:
    def fail(_request: HttpRequest) -> HttpResponse:
        raise LookupError(f"{current_actor().name} {current_address()}")

    with pytest.raises(LookupError, match=r"ann 203\.0\.113\.5"):
        CallerMiddleware(fail)(request_of(ANN))


def test_who_signs_in_while_a_request_is_answered_acts_from_then_on() -> None:
    """As a session does, which is read after this middleware, and a token of the API, which the view reads."""
    request = request_of(None)
    with answering(request):
        assert current_actor() == NO_ONE
        request.user = AnonymousUser()
        assert current_actor() == NO_ONE
        request.user = ANN
        assert current_actor() == Actor(ANN, "ann")


def test_a_block_acts_for_someone_else_and_then_the_request_does_again() -> None:
    with answering(request_of(ANN)):
        with acting_as(BOB):
            assert (current_actor(), current_address()) == (Actor(BOB, "bob"), "203.0.113.5")
            with acting_as(None, "robot$team+ci"):
                assert current_actor() == Actor(None, "robot$team+ci")
            with pytest.raises(LookupError), acting_as(None):
                assert (current_actor(), current_address()) == (NO_ONE, "203.0.113.5")
                raise LookupError
            assert current_actor().user == BOB
        assert current_actor().user == ANN
        with calling_from(None):
            assert (current_actor().user, current_address()) == (ANN, None)
        with on_its_own():
            assert (current_actor(), current_address()) == (NO_ONE, None)
        assert (current_actor().user, current_address()) == (ANN, "203.0.113.5")


def test_a_thread_acts_for_no_one_unless_it_is_given_the_context() -> None:
    found: list[Actor] = []

    def note() -> None:
        found.append(current_actor())

    def begin(work: Any, *arguments: Any) -> None:
        thread = threading.Thread(target=work, args=arguments)
        thread.start()
        thread.join()

    with acting_as(ANN):
        begin(note)
        begin(copy_context().run, note)
    assert found == [NO_ONE, Actor(ANN, "ann")]
    begin(note)
    assert found[2] == NO_ONE


@pytest.mark.parametrize(
    ("hops", "peer", "forwarded", "found"),
    [
        (0, "203.0.113.5", "", "203.0.113.5"),
        (0, "203.0.113.5", "10.0.0.1", "203.0.113.5"),
        (1, "127.0.0.1", "198.51.100.7", "198.51.100.7"),
        (1, "127.0.0.1", "6.6.6.6, 198.51.100.7", "198.51.100.7"),
        (2, "127.0.0.1", "6.6.6.6, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        (2, "127.0.0.1", "198.51.100.7", "198.51.100.7"),
        (1, "127.0.0.1", "", "127.0.0.1"),
        (1, "127.0.0.1", "nonsense", None),
        (1, "127.0.0.1", "198.51.100.7:4711", "198.51.100.7"),
        (1, "127.0.0.1", "[2001:db8::1]:443", "2001:db8::1"),
        (0, "::ffff:203.0.113.5", "", "203.0.113.5"),
        (0, "fe80::1%eth0", "", "fe80::1"),
        (0, "", "", None),
    ],
)
def test_the_first_address_that_no_stranger_wrote_counts(
    hops: int, peer: str, forwarded: str, found: str | None, settings: Any
) -> None:
    settings.TRUSTED_PROXIES = hops
    headers: dict[str, Any] = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}
    assert client_address(RequestFactory().get("/", REMOTE_ADDR=peer, **headers)) == found
