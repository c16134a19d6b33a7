"""Tokens: only a hash is stored, and each ends when it should."""

from __future__ import annotations

import pytest
from django.utils import timezone

from accounts.models import ApiToken
from accounts.sign_in.tokens import create_token
from tests.accounts.signing_in import sign_in
from tests.support.people import bearer, call, make_user

pytestmark = pytest.mark.django_db


def test_a_token_ends_when_it_expires_is_revoked_or_its_user_is_blocked() -> None:
    user = make_user("ann")
    expired = bearer(user)
    ApiToken.objects.update(expires_at=timezone.now())
    assert call("GET", "/projects", headers=expired).status_code == 401
    revoked = bearer(user)
    row = ApiToken.objects.order_by("-created_at").first()
    assert row is not None
    assert call("DELETE", f"/auth/tokens/{row.pk}", headers=revoked).status_code == 204
    assert call("GET", "/projects", headers=revoked).status_code == 401
    blocked = bearer(user)
    user.is_active = False
    user.save()
    assert call("GET", "/projects", headers=blocked).status_code == 401


def test_a_token_of_the_right_prefix_and_another_secret_opens_nothing() -> None:
    _row, text = create_token(user=make_user("ann"))
    other = text[:-1] + ("a" if text[-1] != "a" else "b")
    assert call("GET", "/projects", headers={"Authorization": f"Bearer {other}"}).status_code == 401


def test_last_use_is_noted_and_not_with_every_call(django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    user = make_user("ann")
    headers = bearer(user)
    call("GET", "/auth/tokens", headers=headers)
    row = ApiToken.objects.get()
    assert row.last_used_at is not None
    with django_assert_num_queries(2):
        call("GET", "/auth/tokens", headers=headers)
    again = ApiToken.objects.get()
    assert again.last_used_at == row.last_used_at


def test_only_a_hash_is_stored() -> None:
    make_user("ann")
    text = sign_in().json()["token"]
    row = ApiToken.objects.get()
    secret = text.rpartition("_")[2]
    assert secret not in "".join(str(value) for value in vars(row).values())
