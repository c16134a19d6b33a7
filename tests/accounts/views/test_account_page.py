"""The account page: tokens, password."""

from __future__ import annotations

import time

import pytest
import time_machine
from django.contrib.auth.models import User
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.test import Client

from accounts.models import ApiToken
from accounts.sign_in import throttling
from accounts.sign_in.services import LATELY
from accounts.sign_in.tokens import create_token, find_token
from tests.support.people import PASSWORD, make_user

pytestmark = pytest.mark.django_db

NEW = "another horse battery staple"


@pytest.fixture
def client() -> Client:
    """Ann, who has just signed in."""
    make_user("ann")
    client = Client()
    assert client.post("/accounts/login/", {"username": "ann", "password": PASSWORD}).status_code == 302
    return client


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/accounts/"),
        ("post", "/accounts/tokens/"),
        ("post", "/accounts/tokens/00000000-0000-0000-0000-000000000000/revoke/"),
        ("post", "/accounts/password/"),
        ("get", "/accounts/2fa/"),
        ("get", "/accounts/reauthenticate/"),
    ],
)
def test_strangers_are_sent_to_sign_in(method: str, path: str) -> None:
    answer = getattr(Client(), method)(path)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/accounts/login/")


def test_a_token_is_shown_once_and_works(client: Client) -> None:
    answer = client.post("/accounts/tokens/", {"name": "ci", "scope": "read", "expires_in_days": "7"})
    assert answer.status_code == 201
    text = answer.context["new_token"]
    assert text in answer.content.decode()
    assert "no-store" in answer.headers["Cache-Control"]
    row = find_token(text)
    assert row is not None
    assert (row.name, row.scope, row.user.username) == ("ci", "read", "ann")
    again = client.get("/accounts/").content.decode()
    assert text not in again
    assert row.prefix in again


def test_a_token_form_that_makes_no_sense_is_shown_again(client: Client) -> None:
    answer = client.post("/accounts/tokens/", {"name": "", "scope": "root", "expires_in_days": "0"})
    assert answer.status_code == 422
    assert answer.context["token_form"].errors.keys() == {"name", "scope", "expires_in_days"}
    assert not ApiToken.objects.exists()


def test_one_revokes_ones_own_tokens_only(client: Client) -> None:
    theirs = create_token(user=make_user("bob"))[0]
    client.post("/accounts/tokens/", {"name": "ci", "scope": "read"})
    mine = ApiToken.objects.get(user__username="ann")
    for row in (theirs, mine):
        assert client.post(f"/accounts/tokens/{row.pk}/revoke/").status_code == 302
    assert list(ApiToken.objects.all()) == [theirs]


def test_changing_the_password_ends_other_sessions_and_not_this_one(client: Client) -> None:
    other = Client()
    assert other.login(username="ann", password=PASSWORD)
    form = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    assert client.post("/accounts/password/", form).status_code == 302
    assert client.get("/accounts/").status_code == 200
    assert other.get("/accounts/").status_code == 302
    assert Client().login(username="ann", password=NEW)


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"old_password": "wrong", "new_password1": NEW, "new_password2": NEW}, "old_password"),
        ({"old_password": PASSWORD, "new_password1": NEW, "new_password2": "other"}, "new_password2"),
        (
            {"old_password": PASSWORD, "new_password1": "12345678", "new_password2": "12345678"},
            "new_password2",
        ),
        ({"old_password": PASSWORD, "new_password1": "ann", "new_password2": "ann"}, "new_password2"),
    ],
)
def test_a_password_that_is_wrong_or_weak_changes_nothing(
    client: Client, form: dict[str, str], field: str
) -> None:
    answer = client.post("/accounts/password/", form)
    assert answer.status_code == 422
    assert field in answer.context["password_form"].errors
    assert Client().login(username="ann", password=PASSWORD)


def test_whoever_found_an_open_session_can_not_guess_the_password(client: Client) -> None:
    form = {"old_password": "wrong", "new_password1": NEW, "new_password2": NEW}
    for _ in range(throttling.PER_ACCOUNT):
        client.post("/accounts/password/", form)
    answer = client.post("/accounts/password/", {**form, "old_password": PASSWORD})
    assert answer.status_code == 422
    assert Client().login(username="ann", password=PASSWORD)


def test_who_has_no_password_here_is_offered_none_to_change() -> None:
    user = make_user("sso")
    user.set_unusable_password()
    user.save()
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    answer = client.get("/accounts/")
    assert answer.context["password_form"] is None


FORM = {"name": "ci", "scope": "admin", "expires_in_days": "7"}


def test_who_signed_in_a_while_ago_types_the_password_again_for_a_token(client: Client) -> None:
    with time_machine.travel(time.time() + LATELY + 1, tick=True):
        answer = client.post("/accounts/tokens/", FORM)
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/accounts/reauthenticate/")
        assert not ApiToken.objects.exists()
        where = answer.headers["Location"]
        assert client.post(where, {"password": "a wrong guess"}).status_code == 200
        assert not ApiToken.objects.exists()
        made = client.post(where, {"password": PASSWORD})
        assert made.status_code == 201
        assert find_token(made.context["new_token"]) == ApiToken.objects.get(name="ci", scope="admin")
        assert client.post("/accounts/tokens/", FORM).status_code == 201, "not once more at once"


def test_what_is_put_off_until_then_tells_the_database_nothing(client: Client) -> None:
    with time_machine.travel(time.time() + LATELY + 1, tick=True):
        client.post("/accounts/tokens/", FORM)
        (row,) = Session.objects.all()
        cookie = client.cookies["sessionid"].value
        assert cookie in str(client.session["account_reauthentication_state"]), "allauth keeps the cookies"
    plain = db.SessionStore().decode(row.session_data)
    assert plain == {}
    assert cookie not in row.session_data


def test_who_has_no_password_and_no_second_factor_here_is_believed() -> None:
    user = make_user("sso")
    user.set_unusable_password()
    user.save()
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    assert client.post("/accounts/tokens/", FORM).status_code == 201


@pytest.mark.parametrize("wanted", [True, False])
def test_a_new_password_revokes_tokens_where_that_is_wanted(client: Client, wanted: bool) -> None:
    theirs = create_token(user=make_user("bob"))[0]
    mine = create_token(user=User.objects.get(username="ann"))[0]
    form = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    assert b"Also revoke all my API tokens" in client.get("/accounts/").content
    client.post("/accounts/password/", form | ({"revoke_tokens": "on"} if wanted else {}))
    assert set(ApiToken.objects.all()) == ({theirs} if wanted else {theirs, mine})
