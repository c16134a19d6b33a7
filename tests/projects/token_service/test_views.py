"""``/service/token``: what clients ask, and what they read in its answers."""

from __future__ import annotations

import datetime as dt
from typing import Any

import jwt
import pytest
from django.test import Client
from django.utils import timezone

from accounts.sign_in.tokens import create_token
from projects.models import AuditEvent
from tests.projects.token_service.asking import basic, get, post
from tests.support.people import PASSWORD, Team, make_user

pytestmark = pytest.mark.django_db


def test_an_answer_has_what_clients_read() -> None:
    team = Team.make()
    answer = get(
        "repository:team/app:pull", headers=basic("team-viewer", PASSWORD), service="registry-portal"
    )
    body = answer.json()
    assert body["token"] == body["access_token"]
    assert body["expires_in"] == 300
    issued = dt.datetime.fromisoformat(body["issued_at"])
    assert abs((timezone.now() - issued).total_seconds()) < 5
    assert answer.headers["Cache-Control"] == "no-store"
    assert "refresh_token" not in body
    assert jwt.decode(body["token"], options={"verify_signature": False})["sub"] == "team-viewer"
    assert team.project.pk


def test_a_client_that_asks_for_an_offline_token_gets_on_without() -> None:
    make_user("ann")
    answer = get(headers=basic("ann", PASSWORD), offline_token="true", client_id="docker", account="ann")
    assert answer.status_code == 200
    assert AuditEvent.objects.get().action == "registry.signed_in"


@pytest.mark.parametrize("form", ["one", "two"])
def test_several_scopes_come_in_one_parameter_or_in_several(form: str) -> None:
    Team.make("one")
    Team.make("two", visibility="public")
    scopes = ["repository:one/a:pull,push", "repository:two/b:pull,push"]
    headers = basic("one-developer", PASSWORD)
    answer = get(" ".join(scopes), headers=headers) if form == "one" else get(*scopes, headers=headers)
    assert answer.json()["scope"] == "repository:one/a:pull,push repository:two/b:pull"


def test_another_service_is_not_served() -> None:
    assert get(service="other").status_code == 400


def test_oauth_by_password_and_by_token() -> None:
    team = Team.make()
    scope = "repository:team/app:pull"
    by_password = post(
        grant_type="password", username="team-viewer", password=PASSWORD, client_id="x", scope=scope,
        service="registry-portal", access_type="offline",
    )  # fmt: skip
    assert by_password.status_code == 200
    assert by_password.json()["scope"] == scope
    assert "token" not in by_password.json()
    text = create_token(user=team.users["viewer"])[1]
    by_token = post(grant_type="refresh_token", refresh_token=text, client_id="x", scope=scope)
    assert by_token.json()["scope"] == scope
    assert by_token.json()["refresh_token"] == text
    assert post(grant_type="refresh_token", refresh_token="wrong").status_code == 401
    assert post(grant_type="magic").status_code == 400
    assert post().status_code == 400


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_verbs_are_refused(method: str) -> None:
    assert getattr(Client(), method)("/service/token").status_code == 405


def test_a_portal_without_a_key_says_that_it_issues_no_tokens(client: Client, settings: Any) -> None:
    settings.TOKEN_SERVICE_KEY = ""
    answer = client.get("/service/token")
    assert answer.status_code == 404
    assert answer.json()["errors"][0]["message"] == "This portal issues no tokens for its registry."
