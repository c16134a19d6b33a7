"""What a role, a scope and a quota grant at the registry."""

from __future__ import annotations

import pytest

from accounts.models import ApiToken
from accounts.sign_in.tokens import create_token
from projects.models import AuditEvent, Image, Project
from projects.services import create_robot
from tests.projects.token_service.asking import basic, get
from tests.support.people import PASSWORD, Team

pytestmark = pytest.mark.django_db


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


def test_a_member_who_left_gets_nothing_with_the_next_token() -> None:
    team = Team.make()
    headers = basic("team-developer", PASSWORD)
    assert get("repository:team/app:push", headers=headers).json()["scope"]
    team.member("developer").delete()
    assert get("repository:team/app:push", headers=headers).json()["scope"] == ""


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
