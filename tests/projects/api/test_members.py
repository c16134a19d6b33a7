"""Members and their roles in the API."""

from __future__ import annotations

import pytest

from projects.models import AuditEvent, Role
from tests.support.people import Team, call, make_user

pytestmark = pytest.mark.django_db


def members(team: Team) -> str:
    return f"/projects/{team.project.pk}/members"


def test_a_member_is_added_and_listed_by_name() -> None:
    team = Team.make()
    make_user("ann")
    answer = call("POST", members(team), {"username": "ann", "role": "developer"}, team.bearer("maintainer"))
    assert answer.status_code == 201
    assert answer.json().keys() == {"id", "username", "role", "created_at"}
    listed = call("GET", members(team), headers=team.bearer("viewer")).json()["results"]
    assert {(row["username"], row["role"]) for row in listed} >= {
        ("ann", "developer"),
        ("team-owner", "owner"),
    }
    assert AuditEvent.objects.get(action="member.added").detail == {"role": "developer"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"username": "nobody", "role": "viewer"}, "username"),
        ({"username": "blocked", "role": "viewer"}, "username"),
        ({"username": "team-viewer", "role": "developer"}, "username"),
        ({"username": "ann", "role": "king"}, "role"),
        ({"username": "ann"}, "role"),
        ({"role": "viewer"}, "username"),
    ],
)
def test_what_can_not_be_added_is_a_field_error(body: dict[str, str], field: str) -> None:
    team = Team.make()
    make_user("ann")
    blocked = make_user("blocked")
    blocked.is_active = False
    blocked.save()
    answer = call("POST", members(team), body, team.bearer("owner"))
    assert answer.status_code == 400
    assert list(answer.json()) == [field]
    assert team.member("viewer").role == Role.VIEWER


def test_a_membership_stays_with_its_user() -> None:
    team = Team.make()
    make_user("ann")
    path = f"{members(team)}/{team.member('viewer').pk}"
    answer = call("PATCH", path, {"username": "ann"}, team.bearer("owner"))
    assert answer.status_code == 400
    answer = call("PATCH", path, {"username": "team-viewer", "role": "developer"}, team.bearer("owner"))
    assert answer.json()["role"] == "developer"
