"""Addresses that are nearly right lead to the right one, and those that are none are answered as the API answers."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.support.people import Team, bearer, call, make_user

pytestmark = pytest.mark.django_db


def test_what_is_no_address_is_answered_in_the_apis_shape() -> None:
    headers = bearer(make_user("ann"))
    answer = call("GET", "/projects/not-a-uuid", headers=headers)
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"
    assert call("GET", "/projects/not-a-uuid").status_code == 401
    assert call("GET", "/projects/a%0Ab", headers=headers).json()["code"] == "not_found"


@pytest.fixture
def team() -> Team:
    return Team.make()


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/api", "/api/v1"),
        ("/api/", "/api/v1"),
        ("/api/v1/", "/api/v1"),
        ("/api/docs/", "/api/docs"),
        ("/api/schema/?format=json", "/api/schema?format=json"),
        ("/api/v1/projects/", "/api/v1/projects"),
        ("/api/v1/projects//", "/api/v1/projects"),
        ("/api/v1/projects/?search=a%20b&cursor=%2F", "/api/v1/projects?search=a%20b&cursor=%2F"),
    ],
)
def test_an_address_with_a_slash_leads_to_the_one_without(path: str, target: str) -> None:
    answer = Client().get(path)
    assert (answer.status_code, answer["Location"]) == (308, target)


def test_what_is_sent_to_an_address_with_a_slash_arrives(team: Team) -> None:
    answer = Client(headers=bearer(team.users["owner"])).post(
        "/api/v1/projects/", {"name": "made"}, content_type="application/json", follow=True
    )
    assert answer.redirect_chain == [("/api/v1/projects", 308)]
    assert (answer.status_code, answer.json()["name"]) == (201, "made")


@pytest.mark.parametrize(
    "path", ["/api/v1/nowhere/", "/api/v1/users/me", "/api//evil.example/", "/api/v2/", "/api/v1/nowhere//"]
)
@pytest.mark.parametrize("verb", ["GET", "POST"])
def test_what_is_no_address_stays_one(path: str, verb: str) -> None:
    answer = Client().generic(verb, path)
    assert answer.status_code in (401, 404)
    assert "Location" not in answer
    assert answer.json().keys() == {"code", "detail"}
