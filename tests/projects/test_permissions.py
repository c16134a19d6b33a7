"""Roles, in the one place where they are."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser

from projects.groups.roles import RANK
from projects.models import Project, Role
from projects.permissions import at_least, can_read, role_of
from projects.selectors import get_project, visible_projects
from tests.support.people import ROLES, Team

pytestmark = pytest.mark.django_db


def test_each_role_has_all_that_the_one_before_has() -> None:
    team = Team.make()
    for place, role in enumerate(ROLES):
        user = team.users[role]
        assert role_of(user, team.project) == Role(role)
        assert [at_least(user, team.project, Role(other)) for other in ROLES] == [
            other <= place for other in range(len(ROLES))
        ]
    assert set(RANK) == set(Role)


def test_a_superuser_is_everywhere_at_home() -> None:
    team = Team.make()
    assert role_of(team.users["superuser"], team.project) == Role.OWNER
    assert get_project(team.users["superuser"], name="team").role == "owner"  # type: ignore[attr-defined]


@pytest.mark.parametrize(("visibility", "reads"), [("private", False), ("internal", True), ("public", True)])
def test_strangers_read_what_is_internal_or_public_and_nothing_more(visibility: str, reads: bool) -> None:
    team = Team.make(visibility=visibility)
    stranger = team.users["stranger"]
    assert can_read(stranger, team.project) is reads
    assert not at_least(stranger, team.project, Role.DEVELOPER)
    assert visible_projects(stranger).filter(pk=team.project.pk).exists() is reads
    assert role_of(stranger, team.project) is None


def test_nobody_and_the_blocked_read_nothing() -> None:
    team = Team.make(visibility="public")
    blocked = team.users["owner"]
    blocked.is_active = False
    for user in (AnonymousUser(), blocked):
        assert not can_read(user, team.project)
        assert not visible_projects(user).exists()
        with pytest.raises(Project.DoesNotExist):
            get_project(user, project_id=team.project.pk)


def test_the_list_and_the_single_question_agree() -> None:
    one, two = Team.make("one"), Team.make("two", visibility="public")
    for team in (one, two):
        for user in {**one.users, **two.users}.values():
            row = visible_projects(user).filter(pk=team.project.pk).first()
            assert (row is not None) == can_read(user, team.project)
            if row is not None:
                assert row.role == role_of(user, team.project)  # type: ignore[attr-defined]
