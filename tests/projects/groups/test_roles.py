"""Groups of the identity provider, and the roles that they give."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from projects.models import GroupRole, Project, Role
from projects.permissions import effective_role, role_of
from projects.selectors import get_project, visible_projects
from tests.projects.groups.giving import give, joins
from tests.support.people import Team, bearer, call

pytestmark = pytest.mark.django_db


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


def test_without_a_claim_nothing_that_was_read_before_counts(team: Team, settings: Any) -> None:
    user = joins(team.users["stranger"], "ops")
    give(team, "ops", "owner")
    assert effective_role(user, team.project) == Role.OWNER
    settings.OIDC_GROUPS_CLAIM = ""
    assert role_of(user, team.project) is None
    assert role_in_list(team.users["viewer"], team.project) == "viewer"
