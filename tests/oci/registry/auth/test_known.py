"""What one client has learned of signing in serves the next of the same account, and nobody else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from oci.cancel import CancelToken
from oci.errors import Canceled, OciError
from oci.registry.auth import known
from oci.registry.auth.credentials import Credential, Identity, Token, TokenCache
from oci.registry.auth.known import MAX_KNOWN, SignIns
from oci.registry.repository import Repository
from oci.urls import parse_url
from testbed.images import random_image
from testbed.scripted_auth import BasicSignIn, BearerSignIn, TokenServer
from testbed.scripted_registry import ScriptedRegistry
from tests.oci.copying import client

IMAGE = random_image([4_096], seed=43)
PASSWORD = "correct horse"
PATIENCE = 60.0
Make = Callable[..., ScriptedRegistry]


class Place:
    """A registry with a token server, and what all clients of one process know of it."""

    def __init__(self, registry: ScriptedRegistry, tokens: TokenServer) -> None:
        self.registry = registry
        self.tokens = tokens
        self.sign_ins = SignIns()
        for name in ("a/one", "a/two"):
            registry.add_image(name, "v1", IMAGE)

    def read(
        self, name: str = "a/one", *, username: str = "ada", password: str = PASSWORD, **more: Any
    ) -> None:
        """As one import would, with a client of its own."""
        if username:
            owner = more.pop("owner", "")
            more["credential"] = Credential(self.registry.server_name, username, password, owner=owner)
        made = client(self.registry, sign_ins=self.sign_ins, **more)
        assert Repository(made, name).get_manifest("v1").digest == IMAGE.digest

    def requests(self) -> tuple[int, int]:
        """At the registry and at the token server since the last look."""
        found = len(self.registry.requests), len(self.tokens.requests)
        self.registry.requests.clear()
        self.tokens.requests.clear()
        return found


@pytest.fixture
def place(make_scripted: Make, make_tokens: Callable[..., TokenServer]) -> Place:
    tokens = make_tokens(accounts={"ada": PASSWORD, "bob": "battery staple"})
    return Place(make_scripted(sign_in=BearerSignIn(tokens)), tokens)


def test_the_next_import_of_the_same_account_asks_for_the_image_alone(place: Place) -> None:
    place.read()
    assert place.requests() == (2, 1), "how to sign in, for a token, for the image"
    place.read()
    assert place.requests() == (1, 0)


def test_an_anonymous_one_likewise(place: Place) -> None:
    place.read(username="")
    assert place.requests() == (2, 1)
    place.read(username="")
    assert place.requests() == (1, 0)


def test_a_basic_registry_is_not_asked_again_how_to_sign_in(
    make_scripted: Make, make_tokens: Callable[..., TokenServer]
) -> None:
    place = Place(make_scripted(sign_in=BasicSignIn({"ada": PASSWORD})), make_tokens())
    place.read()
    assert place.requests() == (2, 0)
    place.read()
    assert place.requests() == (1, 0)


@pytest.mark.parametrize(
    "other",
    [
        {"username": "bob", "password": "battery staple"},
        {"username": ""},
        {"owner": "another project"},
        {"trusted_realms": ["registry.example.com"]},
    ],
    ids=str,
)
def test_any_other_account_begins_with_nothing(place: Place, other: dict[str, Any]) -> None:
    place.read()
    place.requests()
    place.read(**other)
    assert place.requests() == (2, 1)


def test_a_wrong_password_gains_nothing_from_a_right_one(place: Place) -> None:
    place.read()
    with pytest.raises(OciError) as caught:
        place.read(password="guessed")
    assert caught.value.code == "unauthorized"


def test_another_repository_gets_a_token_of_its_own(place: Place) -> None:
    place.read("a/one")
    place.requests()
    place.read("a/two")
    assert place.requests() == (1, 1)
    place.read("a/two")
    assert place.requests() == (1, 0)


def test_who_makes_their_own_tokens_shares_none(
    make_scripted: Make, make_tokens: Callable[..., TokenServer]
) -> None:
    place = Place(make_scripted(), make_tokens())
    for text in ("first", "second"):
        place.read(username="", token_provider=lambda _scopes, text=text: text)
    shown = [each.authorization for each in place.registry.seen("GET", "/manifests/")]
    assert shown == ["Bearer first", "Bearer second"]
    url = parse_url(place.registry.url)
    own = Identity(token_provider=lambda _scopes: "mine")
    assert place.sign_ins.of(url, own) is not place.sign_ins.of(url, own)


def test_a_token_that_was_taken_back_is_replaced(place: Place) -> None:
    place.read()
    place.tokens.forget()
    place.requests()
    place.read()
    assert place.requests() == (2, 1)


def test_a_password_that_was_changed_at_the_registry_is_noticed(place: Place) -> None:
    place.read()
    place.tokens.accounts["ada"] = "something new"
    place.tokens.anonymous = False
    place.tokens.forget()
    place.requests()
    with pytest.raises(OciError) as caught:
        place.read()
    assert caught.value.code == "unauthorized"
    assert place.requests()[1] == 1, "one wrong try, since accounts are locked for many"
    place.read(password="something new")


def test_a_token_that_grew_old_is_not_passed_on(
    make_scripted: Make, make_tokens: Callable[..., TokenServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = make_tokens(expires_in=60)
    place = Place(make_scripted(sign_in=BearerSignIn(tokens)), tokens)
    place.read(username="")
    place.requests()
    later = time.monotonic() + 60
    monkeypatch.setattr(Token, "is_fresh", property(lambda token: later < token.expires))
    place.read(username="")
    assert place.requests() == (1, 1)


def test_after_some_minutes_everything_is_asked_again_whatever_the_tokens_say(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.read()
    place.requests()
    monkeypatch.setattr(known, "KNOWN_SECONDS", 0.0)
    place.read()
    assert place.requests() == (2, 1)


def test_a_registry_that_has_another_token_server_by_now_is_asked_which(
    place: Place, make_tokens: Callable[..., TokenServer]
) -> None:
    place.read()
    place.tokens.stop()
    place.tokens = make_tokens(accounts={"ada": PASSWORD})
    place.registry.sign_in = BearerSignIn(place.tokens)
    place.read("a/two")


def test_a_token_server_that_refuses_may_be_the_wrong_one_by_now(
    place: Place, make_tokens: Callable[..., TokenServer]
) -> None:
    place.read()
    place.tokens.accounts, place.tokens.anonymous = {}, False
    place.tokens = make_tokens(accounts={"ada": PASSWORD})
    place.registry.sign_in = BearerSignIn(place.tokens)
    place.read("a/two")


def test_each_client_is_told_that_its_password_was_not_shown(
    make_scripted: Make, make_tokens: Callable[..., TokenServer]
) -> None:
    tokens = make_tokens(host="127.0.0.2")
    place = Place(make_scripted(sign_in=BearerSignIn(tokens)), tokens)
    for _ in range(2):
        mine = Credential(place.registry.server_name, "ada", PASSWORD)
        made = client(place.registry, sign_ins=place.sign_ins, credential=mine)
        Repository(made, "a/one").get_manifest("v1")
        assert [params["host"] for _, params in made.notes] == [tokens.server_name]


def test_no_password_is_kept_and_what_is_kept_is_bounded(place: Place) -> None:
    place.read()
    assert PASSWORD not in repr(vars(place.sign_ins))
    for number in range(MAX_KNOWN + 5):
        place.sign_ins.of(parse_url(f"https://r{number}.example.com"), Identity())
    assert len(place.sign_ins._known) == MAX_KNOWN


def test_tokens_of_one_account_take_so_much_memory_and_no_more() -> None:
    cache = TokenCache()
    for number in range(50):
        key = ("r", "https://t", "s", (f"repository:a/{number}:pull",), "ada")
        cache.get(key, lambda: Token.lasting("x" * 10_000, 300))
    assert 5 < len(cache._tokens) < 14
    assert len(cache._fetching) == 0
    assert ("r", "https://t", "s", ("repository:a/49:pull",), "ada") in cache._tokens


def test_a_cancel_ends_the_wait_for_anothers_token() -> None:
    cache, cancel, asked, leave = TokenCache(), CancelToken(), threading.Event(), threading.Event()
    key = ("r", "https://t", "s", ("repository:a/one:pull",), "")

    def slow() -> Token:
        asked.set()
        leave.wait(PATIENCE)
        return Token.lasting("x", 300)

    other = threading.Thread(target=lambda: cache.get(key, slow))
    other.start()
    assert asked.wait(PATIENCE)
    cancel.cancel()
    with pytest.raises(Canceled):
        cache.get(key, slow, check=cancel.check)
    leave.set()
    other.join(PATIENCE)


def test_threads_that_want_one_token_share_it_whatever_other_tokens_are_kept_meanwhile() -> None:
    cache, asked, leave = TokenCache(), threading.Event(), threading.Event()
    wanted, other = (("r", "https://t", "s", (f"repository:a/{name}:pull",), "") for name in ("one", "two"))
    fetched: list[str] = []

    def slow() -> Token:
        fetched.append("one")
        asked.set()
        leave.wait(PATIENCE)
        return Token.lasting("x", 300)

    threads = [threading.Thread(target=lambda: cache.get(wanted, slow))]
    threads[0].start()
    assert asked.wait(PATIENCE)
    cache.get(other, lambda: Token.lasting("y", 300))
    asked.clear()
    threads.append(threading.Thread(target=lambda: cache.get(wanted, slow)))
    threads[1].start()
    assert not asked.wait(0.3)  # A second fetch would say so at once.
    leave.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert fetched == ["one"]
