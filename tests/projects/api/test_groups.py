"""Roles of groups in the API."""

from __future__ import annotations

from typing import Any

import pytest

from projects.models import AuditEvent
from tests.projects.groups.giving import give, joins
from tests.support.people import Team, bearer, call

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _groups_are_read(settings: Any) -> None:
    settings.OIDC_GROUPS_CLAIM = "groups"


@pytest.fixture
def team() -> Team:
    return Team.make()


def test_maintainers_give_and_take_roles_and_only_owners_deal_with_owners(team: Team) -> None:
    path = f"/projects/{team.project.pk}/groups"
    body = {"group": "dev team", "role": "developer"}
    assert call("POST", path, body, team.bearer("developer")).status_code == 403
    answer = call("POST", path, body, team.bearer("maintainer"))
    assert (answer.status_code, answer.json()["group"], answer.json()["role"]) == (
        201,
        "dev team",
        "developer",
    )
    again = call("POST", path, body, team.bearer("maintainer"))
    assert (again.status_code, again.json().keys()) == (400, {"group"})
    owners = {"group": "bosses", "role": "owner"}
    assert call("POST", path, owners, team.bearer("maintainer")).status_code == 403
    bosses = call("POST", path, owners, team.bearer("owner")).json()
    listed = call("GET", path, None, team.bearer("viewer")).json()["results"]
    assert {row["group"] for row in listed} == {"dev team", "bosses"}
    there = f"{path}/{bosses['id']}"
    assert call("PATCH", there, {"role": "viewer"}, team.bearer("maintainer")).status_code == 403
    dev = f"{path}/{answer.json()['id']}"
    assert call("PATCH", dev, {"role": "owner"}, team.bearer("maintainer")).status_code == 403
    assert call("PATCH", dev, {"role": "viewer"}, team.bearer("maintainer")).json()["role"] == "viewer"
    assert call("PATCH", dev, {"group": "else"}, team.bearer("owner")).json().keys() == {"group"}
    assert call("DELETE", there, None, team.bearer("maintainer")).status_code == 403
    assert call("DELETE", f"{path}/{bosses['id']}", None, team.bearer("owner")).status_code == 204
    journal = AuditEvent.objects.filter(project=team.project, action__startswith="group.")
    assert [(event.action, event.subject, event.detail["role"]) for event in journal.order_by("at")] == [
        ("group.added", "dev team", "developer"),
        ("group.added", "bosses", "owner"),
        ("group.changed", "dev team", "viewer"),
        ("group.removed", "bosses", "owner"),
    ]


def test_an_owner_by_group_names_owners_but_the_last_of_the_members_stays(team: Team) -> None:
    user = joins(team.users["stranger"], "bosses")
    give(team, "bosses", "owner")
    path = f"/projects/{team.project.pk}"
    body = {"group": "more", "role": "owner"}
    assert call("POST", f"{path}/groups", body, bearer(user)).status_code == 201
    member = team.member("owner")
    assert call("DELETE", f"{path}/members/{member.pk}", None, bearer(user)).json()["code"] == "last_owner"
