"""``/auth/tokens``: made, listed and revoked."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from django.utils import timezone

from accounts.models import ApiToken
from accounts.sign_in.tokens import create_token
from tests.accounts.signing_in import sign_in
from tests.support.people import PASSWORD, bearer, call, make_user

pytestmark = pytest.mark.django_db


def test_the_right_password_gets_a_token_that_is_shown_once() -> None:
    make_user("ann")
    answer = sign_in(name="laptop", expires_in_days=7)
    assert answer.status_code == 201
    body = answer.json()
    assert body.keys() == {"id", "name", "token", "expires_at"}
    assert body["name"] == "laptop"
    in_days = dt.datetime.fromisoformat(body["expires_at"]) - timezone.now()
    assert dt.timedelta(days=6.9) < in_days <= dt.timedelta(days=7)
    assert answer.headers["Cache-Control"] == "no-store"
    headers = {"Authorization": f"Bearer {body['token']}"}
    listed = call("GET", "/auth/tokens", headers=headers).json()["results"]
    assert [row["id"] for row in listed] == [body["id"]]
    assert body["token"] not in str(listed)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"username": "ann"}, "password"),
        ({"password": "x"}, "username"),
        ({"username": "ann", "password": PASSWORD, "expires_in_days": 0}, "expires_in_days"),
        ({"username": "ann", "password": PASSWORD, "expires_in_days": -5}, "expires_in_days"),
        ({"username": "ann", "password": PASSWORD, "expires_in_days": 10**12}, "expires_in_days"),
        ({"username": "ann", "password": PASSWORD, "scope": "root"}, "scope"),
        ({"username": "ann", "password": PASSWORD, "name": "x" * 101}, "name"),
        ({"username": ["ann"], "password": PASSWORD}, "username"),
    ],
)
def test_a_bad_field_is_named(body: dict[str, object], field: str) -> None:
    make_user("ann")
    answer = call("POST", "/auth/tokens", body)
    assert answer.status_code == 400
    assert list(answer.json()) == [field]
    assert not ApiToken.objects.exists()


def test_other_peoples_tokens_are_not_there() -> None:
    ann, bob = make_user("ann"), make_user("bob")
    theirs = create_token(user=bob)[0]
    mine = bearer(ann)
    assert call("DELETE", f"/auth/tokens/{theirs.pk}", headers=mine).status_code == 404
    assert call("DELETE", f"/auth/tokens/{uuid.uuid4()}", headers=mine).status_code == 404
    assert str(theirs.pk) not in call("GET", "/auth/tokens", headers=mine).content.decode()
    assert ApiToken.objects.filter(pk=theirs.pk).exists()
