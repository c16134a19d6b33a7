"""Robot accounts in the API."""

from __future__ import annotations

import pytest

from projects.models import Robot
from tests.support.people import Team, call

pytestmark = pytest.mark.django_db


def robots(team: Team) -> str:
    return f"/projects/{team.project.pk}/robots"


def test_a_robots_secret_is_shown_once_and_stored_as_a_hash() -> None:
    team = Team.make()
    body = {"name": "ci", "access": "push", "expires_in_days": 30}
    answer = call("POST", robots(team), body, team.bearer("maintainer"))
    assert answer.status_code == 201
    made = answer.json()
    assert made["username"] == "robot$team+ci"
    assert made["access"] == "push"
    assert made["expires_at"] is not None
    row = Robot.objects.get()
    assert made["secret"] not in "".join(map(str, vars(row).values()))
    assert made["secret"] not in call("GET", robots(team), headers=team.bearer("owner")).content.decode()
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"access": "pull"}, "name"),
        ({"name": "C I"}, "name"),
        ({"name": "a+b"}, "name"),
        ({"name": "bot"}, "name"),
        ({"name": "x", "access": "delete"}, "access"),
        ({"name": "x", "expires_in_days": 0}, "expires_in_days"),
    ],
)
def test_a_bad_field_is_named(body: dict[str, object], field: str) -> None:
    team = Team.make()
    Robot.objects.create(project=team.project, name="bot", digest="0" * 64)
    answer = call("POST", robots(team), body, team.bearer("owner"))
    assert answer.status_code == 400
    assert list(answer.json()) == [field]


def test_two_projects_may_have_robots_of_one_name() -> None:
    one, two = Team.make("one"), Team.make("two")
    for team in (one, two):
        assert call("POST", robots(team), {"name": "ci"}, team.bearer("owner")).status_code == 201
