"""``/service/token``: who is let in, and how refusals sound."""

from __future__ import annotations

import base64
import datetime as dt
from typing import Any

import jwt
import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.test import Client
from django.utils import timezone

from accounts.models import ApiToken
from accounts.sign_in import throttling
from accounts.sign_in.tokens import create_token
from projects.models import AuditEvent, Image, Project, Robot
from projects.services import create_robot
from tests.support.people import PASSWORD, Team, make_user

pytestmark = pytest.mark.django_db


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def get(*scopes: str, headers: dict[str, str] | None = None, **query: str) -> Any:
    return Client().get("/service/token", {"scope": list(scopes), **query}, headers=headers or {})


def post(**form: str) -> Any:
    return Client(enforce_csrf_checks=True).post("/service/token", form)


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


@pytest.mark.parametrize(
    "headers",
    [
        basic("ann", "wrong"),
        basic("nobody", PASSWORD),
        basic("blocked", PASSWORD),
        basic("ann", ""),
        basic("", ""),
        basic("a\0b", "x"),
        basic("ann", "rpt_aaaaaaaaaa_" + "b" * 43),
        basic("robot$team+bot", "wrong"),
        basic("robot$nowhere+bot", "wrong"),
        basic("robot$team", "wrong"),
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic " + base64.b64encode(b"\xff\xfe").decode()},
        {"Authorization": "Basic"},
    ],
)
def test_whoever_is_not_known_is_refused_and_told_no_more(headers: dict[str, str]) -> None:
    make_user("ann")
    blocked = make_user("blocked")
    blocked.is_active = False
    blocked.save()
    Robot.objects.create(project=Team.make().project, name="bot", digest="0" * 64)
    answer = get("repository:team/app:pull", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic")
    assert answer.json()["errors"][0]["code"] == "UNAUTHORIZED"


def test_nobody_is_anonymous_and_pulls_what_is_public() -> None:
    Team.make("secret")
    Team.make("open", visibility="public")
    answer = get("repository:secret/a:pull", "repository:open/a:pull,push", "repository:none/a:pull")
    assert answer.status_code == 200
    assert answer.json()["scope"] == "repository:open/a:pull"


def test_what_is_internal_is_pulled_by_everyone_who_signs_in_and_by_no_one_else() -> None:
    team, other = Team.make("inside", visibility="internal"), Team.make("other")
    scope = "repository:inside/a:pull,push,delete"
    assert get(scope).json()["scope"] == ""
    assert get(scope, headers=basic("other-owner", PASSWORD)).json()["scope"] == "repository:inside/a:pull"
    token = create_token(user=other.users["viewer"], scope=ApiToken.Scope.READ)[1]
    assert get(scope, headers=basic("other-viewer", token)).json()["scope"] == "repository:inside/a:pull"
    assert get(scope, headers=basic("inside-developer", PASSWORD)).json()["scope"].endswith(":pull,push")
    # A robot is an account of its own project.
    robot, secret = create_robot(project=other.project, by=other.users["owner"], name="ci", access="push")
    assert get(scope, headers=basic(robot.login, secret)).json()["scope"] == ""
    assert team.project.pk


@pytest.mark.parametrize(("quota", "says"), [("quota_images", "1 images"), ("quota_bytes", "150 bytes")])
def test_a_project_over_its_quota_is_granted_no_push_and_told_why(quota: str, says: str) -> None:
    team = Team.make()
    Project.objects.update(**{quota: 1 if quota == "quota_images" else 150})
    team.image(tag="1", size=100)
    headers = basic("team-developer", PASSWORD)
    push = "repository:team/app:pull,push"
    assert get(push, headers=headers).json()["scope"] == push
    team.image(tag="2", size=100)
    answer = get("repository:other/x:pull", push, headers=headers)
    assert answer.status_code == 403
    (error,) = answer.json()["errors"]
    assert error["code"] == "DENIED"
    assert says in error["message"]
    assert "token" not in answer.json()
    event = AuditEvent.objects.get(action="registry.refused", subject="repository:team/app:push")
    assert says in event.detail["reason"]
    # Pulls and deletions go on, and what is not his to push is none of his business.
    assert get("repository:team/app:pull", headers=headers).json()["scope"] == "repository:team/app:pull"
    answer = get("repository:team/app:pull,push,delete", headers=basic("team-owner", PASSWORD))
    assert answer.json()["scope"] == "repository:team/app:pull,delete"
    assert get(push, headers=basic("team-viewer", PASSWORD)).json()["scope"] == "repository:team/app:pull"
    Image.objects.get(tag="2").delete()
    assert get(push, headers=headers).json()["scope"] == push


def test_a_token_opens_nothing_in_another_persons_name() -> None:
    _row, text = create_token(user=make_user("ann"))
    make_user("bob")
    names = ("ann", "bob", "nobody", "Ann")
    assert [get(headers=basic(name, text)).status_code for name in names] == [200, 401, 401, 401]


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


def test_revoking_is_immediate() -> None:
    team = Team.make()
    row, text = create_token(user=team.users["viewer"])
    robot, secret = create_robot(project=team.project, by=team.users["owner"], name="ci")
    ask = [basic("team-viewer", text), basic(robot.login, secret)]
    assert [get(headers=headers).status_code for headers in ask] == [200, 200]
    row.delete()
    robot.expires_at = timezone.now()
    robot.save()
    assert [get(headers=headers).status_code for headers in ask] == [401, 401]


def test_a_member_who_left_gets_nothing_with_the_next_token() -> None:
    team = Team.make()
    headers = basic("team-developer", PASSWORD)
    assert get("repository:team/app:push", headers=headers).json()["scope"]
    team.member("developer").delete()
    assert get("repository:team/app:push", headers=headers).json()["scope"] == ""


def test_a_password_is_not_taken_where_the_operator_wants_tokens_only(settings: Any) -> None:
    user = make_user("ann")
    settings.TOKEN_SERVICE_PASSWORDS = False
    assert get(headers=basic("ann", PASSWORD)).status_code == 401
    assert get(headers=basic("ann", create_token(user=user)[1])).status_code == 200


def test_a_password_is_not_enough_for_an_account_with_a_second_factor() -> None:
    user = make_user("ann")
    TOTP.activate(user, "JBSWY3DPEHPK3PXP")
    assert get(headers=basic("ann", PASSWORD)).status_code == 401
    assert get(headers=basic("ann", create_token(user=user)[1])).status_code == 200


@pytest.mark.parametrize(
    ("secret", "most"),
    [("wrong", throttling.PER_ACCOUNT), ("rpt_aaaaaaaaaa_" + "b" * 43, throttling.PER_ADDRESS)],
)
def test_guessing_is_throttled(secret: str, most: int) -> None:
    make_user("ann")
    for _ in range(most):
        assert get(headers=basic("ann", secret)).status_code == 401
    answer = get(headers=basic("ann", secret))
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.json()["errors"][0]["code"] == "TOOMANYREQUESTS"


def test_guessing_refresh_tokens_is_throttled_by_address() -> None:
    for number in range(throttling.PER_ADDRESS):
        assert post(grant_type="refresh_token", refresh_token=f"guess{number}").status_code == 401
    assert post(grant_type="refresh_token", refresh_token="x").status_code == 429


def test_a_failed_sign_in_is_written_down_with_name_and_address_and_without_the_password() -> None:
    get(headers={**basic("mallory\0", "p4ssw0rd-guess")})
    event = AuditEvent.objects.get()
    assert (event.action, event.actor_name, event.address) == (
        "registry.sign_in_failed",
        "mallory",
        "127.0.0.1",
    )
    assert "p4ssw0rd" not in str(vars(event))


def test_the_catalog_takes_a_superuser_and_no_robot() -> None:
    team = Team.make()
    robot, secret = create_robot(project=team.project, by=team.users["owner"], name="ci", access="push")
    for headers, scope in (
        (basic("team-superuser", PASSWORD), "registry:catalog:*"),
        (basic("team-owner", PASSWORD), ""),
        (basic(robot.login, secret), ""),
    ):
        assert get("registry:catalog:*", headers=headers).json()["scope"] == scope


def test_a_star_is_all_that_the_role_may() -> None:
    Team.make()
    answer = get("repository:team/app:*", headers=basic("team-developer", PASSWORD))
    assert answer.json()["scope"] == "repository:team/app:pull,push"


def test_a_narrow_token_narrows_a_superuser() -> None:
    team = Team.make()
    text = create_token(user=team.users["superuser"], scope=ApiToken.Scope.READ)[1]
    answer = get("repository:team/app:pull,push,delete", headers=basic("team-superuser", text))
    assert answer.json()["scope"] == "repository:team/app:pull"


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_verbs_are_refused(method: str) -> None:
    assert getattr(Client(), method)("/service/token").status_code == 405


def test_a_portal_without_a_key_says_that_it_issues_no_tokens(client: Client, settings: Any) -> None:
    settings.TOKEN_SERVICE_KEY = ""
    answer = client.get("/service/token")
    assert answer.status_code == 404
    assert answer.json()["errors"][0]["message"] == "This portal issues no tokens for its registry."
