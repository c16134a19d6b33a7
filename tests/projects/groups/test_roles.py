"""Groups of the identity provider, and the roles that they give."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.http import Http404
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.exceptions import ApplicationError
from accounts.sign_in import groups as claims
from projects.groups import services
from projects.models import AuditEvent, GroupRole, Project, Role
from projects.permissions import effective_role, role_of
from projects.selectors import get_project, visible_projects
from tests.support.people import Team, bearer, call

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _groups_are_read(settings: Any) -> None:
    settings.OIDC_GROUPS_CLAIM = "groups"


@pytest.fixture
def team() -> Team:
    return Team.make()


def joins(user: User, *groups: str) -> User:
    claims.keep(user, set(groups))
    return user


def give(team: Team, group: str, role: str) -> GroupRole:
    return GroupRole.objects.create(project=team.project, group=group, role=role)


def role_in_list(user: User, project: Project) -> str | None:
    """As lists and pages have it."""
    return visible_projects(user).get(pk=project.pk).role  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("own", "by_group", "counts"),
    [
        ("stranger", ["viewer"], "viewer"),
        ("viewer", ["developer"], "developer"),
        ("maintainer", ["developer"], "maintainer"),
        ("stranger", ["developer", "owner", "viewer"], "owner"),
        ("developer", ["viewer", "maintainer"], "maintainer"),
    ],
)
def test_the_highest_of_ones_roles_counts(team: Team, own: str, by_group: list[str], counts: str) -> None:
    user = joins(team.users[own], *(f"g{number}" for number in range(len(by_group))))
    for number, role in enumerate(by_group):
        give(team, f"g{number}", role)
    assert role_of(user, team.project) == counts
    assert role_in_list(user, team.project) == counts
    assert call("GET", f"/projects/{team.project.pk}", None, bearer(user)).json()["role"] == counts


def test_groups_that_have_no_role_here_and_roles_of_others_groups_give_nothing(team: Team) -> None:
    user = joins(team.users["stranger"], "a", "Team")
    give(team, "team", "owner")
    give(team, "b", "owner")
    other = Project.objects.create(name="other")
    GroupRole.objects.create(project=other, group="a", role=Role.DEVELOPER)
    assert role_of(user, team.project) is None
    assert [project.name for project in visible_projects(user)] == ["other"]
    with pytest.raises(Project.DoesNotExist):
        get_project(user, name="team")


def test_in_a_public_project_a_group_adds_to_what_everyone_may(team: Team) -> None:
    team.project.visibility = Project.Visibility.PUBLIC
    team.project.save()
    user = team.users["stranger"]
    assert (role_in_list(user, team.project), effective_role(user, team.project)) == (None, Role.VIEWER)
    joins(user, "dev")
    give(team, "dev", "developer")
    assert (role_in_list(user, team.project), effective_role(user, team.project)) == (
        "developer",
        "developer",
    )


def test_a_role_ends_at_once_for_tokens_too_when_it_is_taken_or_the_group_is_left(team: Team) -> None:
    user = joins(team.users["stranger"], "dev")
    headers, path = bearer(user), f"/projects/{team.project.pk}/images"
    row = give(team, "dev", "viewer")
    assert call("GET", path, None, headers).status_code == 200
    joins(user)
    assert call("GET", path, None, headers).status_code == 404
    joins(user, "dev")
    assert call("GET", path, None, headers).status_code == 200
    row.delete()
    assert call("GET", path, None, headers).status_code == 404


def test_a_blocked_user_has_no_role_by_a_group(team: Team) -> None:
    user = joins(team.users["stranger"], "dev")
    give(team, "dev", "owner")
    user.is_active = False
    assert role_of(user, team.project) is None
    assert not visible_projects(user).exists()


def test_a_role_takes_one_query_and_a_list_of_projects_one(team: Team) -> None:
    user = joins(team.users["developer"], "dev")
    give(team, "dev", "maintainer")
    with CaptureQueriesContext(connection) as queries:
        assert role_of(user, team.project) == "maintainer"
        list(visible_projects(user))
    assert len(queries) == 2


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


def test_the_page_gives_and_takes_roles_where_groups_are_read(team: Team, settings: Any) -> None:
    settings.OIDC_GROUPS_CLAIM = ""
    client = Client()
    client.force_login(team.users["maintainer"])
    page = "/projects/team/settings/"
    assert "/groups/new/" not in client.get(page).content.decode()
    settings.OIDC_GROUPS_CLAIM = "groups"
    assert "/groups/new/" in client.get(page).content.decode()
    assert client.post(f"{page}groups/new/", {"group": "dev", "role": "developer"}).status_code == 302
    row = GroupRole.objects.get()
    assert f"/groups/{row.pk}/remove/" in client.get(page).content.decode()
    client.post(f"{page}groups/new/", {"group": "bosses", "role": "owner"})
    assert not GroupRole.objects.filter(group="bosses").exists()
    assert client.post(f"{page}groups/{row.pk}/remove/").status_code == 302
    assert not GroupRole.objects.exists()


def test_without_a_claim_nothing_that_was_read_before_counts(team: Team, settings: Any) -> None:
    user = joins(team.users["stranger"], "ops")
    give(team, "ops", "owner")
    assert effective_role(user, team.project) == Role.OWNER
    settings.OIDC_GROUPS_CLAIM = ""
    assert role_of(user, team.project) is None
    assert role_in_list(team.users["viewer"], team.project) == "viewer"


def test_a_group_is_judged_on_what_it_is_now(team: Team) -> None:
    seen = give(team, "ops", "viewer")
    GroupRole.objects.filter(pk=seen.pk).update(role="owner")
    stale = GroupRole(pk=seen.pk, project=team.project, group="ops", role="viewer")
    with pytest.raises(ApplicationError):
        services.remove(group=stale, by_role=Role.MAINTAINER)
    GroupRole.objects.filter(pk=seen.pk).delete()
    with pytest.raises(Http404):
        services.change(group=seen, by_role=Role.OWNER, role=Role.VIEWER)
