"""Members and their roles; who may name whom."""

from __future__ import annotations

import pytest

from projects.models import AuditEvent, Membership, Role
from tests.support.people import Team, call, make_user, owner_of

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


@pytest.mark.parametrize(
    ("method", "of", "body"),
    [
        ("POST", "", {"username": "ann", "role": "owner"}),
        ("PATCH", "developer", {"role": "owner"}),
        ("PATCH", "owner", {"role": "viewer"}),
        ("DELETE", "owner", None),
        ("PATCH", "maintainer", {"role": "owner"}),
    ],
)
def test_only_owners_deal_with_owners(method: str, of: str, body: object) -> None:
    team = Team.make()
    make_user("ann")
    path = f"{members(team)}/{team.member(of).pk}" if of else members(team)
    answer = call(method, path, body, team.bearer("maintainer"))
    assert answer.status_code == 403
    assert owner_of(team.project) == {"team-owner"}


@pytest.mark.parametrize("caller", ["owner", "superuser"])
@pytest.mark.parametrize(("method", "body"), [("PATCH", {"role": "maintainer"}), ("DELETE", None)])
def test_the_last_owner_can_not_go(method: str, body: object, caller: str) -> None:
    team = Team.make()
    path = f"{members(team)}/{team.member('owner').pk}"
    answer = call(method, path, body, team.bearer(caller))
    assert answer.status_code == 409
    assert answer.json()["code"] == "last_owner"
    assert owner_of(team.project) == {"team-owner"}


def test_an_owner_goes_when_another_stays() -> None:
    team = Team.make()
    second = Membership.objects.create(project=team.project, user=make_user("ann"), role=Role.OWNER)
    path = f"{members(team)}/{team.member('owner').pk}"
    assert call("DELETE", path, headers=team.bearer("owner")).status_code == 204
    assert owner_of(team.project) == {"ann"}
    assert call("GET", members(team), headers=team.bearer("owner")).status_code == 404
    assert second.pk


def test_the_last_owner_may_be_confirmed_as_owner() -> None:
    team = Team.make()
    path = f"{members(team)}/{team.member('owner').pk}"
    assert call("PATCH", path, {"role": "owner"}, team.bearer("owner")).status_code == 200
    assert call("PATCH", path, {}, team.bearer("owner")).status_code == 200


def test_a_membership_stays_with_its_user() -> None:
    team = Team.make()
    make_user("ann")
    path = f"{members(team)}/{team.member('viewer').pk}"
    answer = call("PATCH", path, {"username": "ann"}, team.bearer("owner"))
    assert answer.status_code == 400
    answer = call("PATCH", path, {"username": "team-viewer", "role": "developer"}, team.bearer("owner"))
    assert answer.json()["role"] == "developer"
