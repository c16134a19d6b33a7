"""Projects and members: who owns them, and what stays."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from projects.models import AuditEvent, Membership, Project, Role
from projects.registry import removal
from tests.support.people import Team, bearer, call, make_user, owner_of

pytestmark = pytest.mark.django_db


def members(team: Team) -> str:
    return f"/projects/{team.project.pk}/members"


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


def test_an_account_makes_so_many_projects_and_a_superuser_any_number(settings: Any) -> None:
    settings.PROJECTS_PER_USER = 2
    user, superuser = make_user("ann"), make_user("root", superuser=True)
    for number in range(3):
        assert call("POST", "/projects", {"name": f"root{number}"}, bearer(superuser)).status_code == 201
        answer = call("POST", "/projects", {"name": f"ann{number}"}, bearer(user))
        assert answer.status_code == (409 if number == 2 else 201)
    assert answer.json()["code"] == "too_many_projects"
    assert "2" in answer.json()["detail"]
    Project.objects.get(name="ann0").delete()
    assert call("POST", "/projects", {"name": "ann3"}, bearer(user)).status_code == 201


def test_a_name_is_given_once() -> None:
    Team.make("web")
    answer = call("POST", "/projects", {"name": "web"}, bearer(make_user("ann")))
    assert answer.status_code == 400
    assert list(answer.json()) == ["name"]


def test_a_project_that_is_gone_leaves_its_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    team = Team.make()
    monkeypatch.setattr(removal, "repositories_of", lambda _: [])
    assert call("DELETE", f"/projects/{team.project.pk}", headers=team.bearer("owner")).status_code == 204
    assert call("GET", f"/projects/{team.project.pk}", headers=team.bearer("superuser")).status_code == 404
    assert AuditEvent.objects.get(action="project.deleted").subject == "team"


def test_the_page_says_so_too(settings: Any) -> None:
    settings.PROJECTS_PER_USER = 0
    client = Client()
    client.force_login(make_user("ann"))
    answer = client.post("/new-project/", {"name": "web", "visibility": "private"})
    assert (answer.status_code, Project.objects.count()) == (422, 0)
    assert "You have created 0 projects" in answer.content.decode()
