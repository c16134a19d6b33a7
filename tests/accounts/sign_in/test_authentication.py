"""What the API takes for a sign-in: a bearer token, or a session with its CSRF token."""

from __future__ import annotations

import pytest

from tests.support.people import PASSWORD, bearer, call, make_user

pytestmark = pytest.mark.django_db


def test_an_old_token_in_the_header_does_not_get_in_the_way_of_signing_in() -> None:
    make_user("ann")
    answer = call(
        "POST", "/auth/tokens", {"username": "ann", "password": PASSWORD}, {"Authorization": "Bearer rpt_old"}
    )
    assert answer.status_code == 201


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer x", "Bearer rpt_", "bearer rpt_aaaaaaaaaa_b", "Bearer \xe9"]
)
def test_what_is_no_token_opens_nothing(header: str) -> None:
    answer = call("GET", "/projects", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.json()["code"] == "invalid_token"


def test_a_session_needs_the_csrf_token_and_a_bearer_does_not() -> None:
    from django.test import Client

    user = make_user("ann")
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    answer = client.post("/api/v1/projects", {"name": "mine"}, content_type="application/json")
    assert answer.status_code == 403
    answer = client.post(
        "/api/v1/projects", {"name": "mine"}, content_type="application/json", headers=bearer(user)
    )
    assert answer.status_code == 201
