"""Who is let in at the token service: passwords, tokens and robots, and what guessing costs."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.utils import timezone

from accounts.sign_in import throttling
from accounts.sign_in.tokens import create_token
from projects.models import AuditEvent, Robot
from projects.services import create_robot
from tests.projects.token_service.asking import basic, get, post
from tests.support.people import PASSWORD, Team, make_user

pytestmark = pytest.mark.django_db


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


def test_a_token_opens_nothing_in_another_persons_name() -> None:
    _row, text = create_token(user=make_user("ann"))
    make_user("bob")
    names = ("ann", "bob", "nobody", "Ann")
    assert [get(headers=basic(name, text)).status_code for name in names] == [200, 401, 401, 401]


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
