"""With four eyes no one decides on what they asked for, by whatever way they asked."""

from __future__ import annotations

from functools import partial

import pytest
from django.contrib.auth.models import User

from accounts.exceptions import ApplicationError
from imageimport.choices import Status
from imageimport.models import ImportTask, PolicyRule
from imageimport.requests import services
from imageimport.requests.askers import asked_by
from imageimport.submission import services as imports
from imageimport.submission.requests import ImportRequest
from projects.models import Project, Robot, Role
from projects.services import create_robot, delete_robot
from registry_portal.home.overview import to_decide
from tests.support.factories import UserFactory, member

pytestmark = pytest.mark.django_db(transaction=True)
DIGEST = "sha256:" + "a" * 64


@pytest.fixture
def team() -> tuple[User, Project]:
    user, project = member(Role.MAINTAINER)
    PolicyRule.objects.create(project=project, name="R", action="approve", message="Why?")
    return user, project


@pytest.mark.parametrize("revoked", [False, True])
def test_with_four_eyes_nobody_decides_what_their_own_robot_asked_for(
    team: tuple[User, Project], revoked: bool
) -> None:
    user, project = team
    Project.objects.filter(pk=project.pk).update(four_eyes=True)
    other, _project = member(Role.MAINTAINER, project=project)
    robot, _secret = create_robot(project=project, by=user, name="ci")
    asked = imports.submit(project=project, user=None, robot=robot.login, request=ImportRequest("nginx:1.27"))
    ImportTask.objects.filter(pk=asked.pk).update(source_digest=DIGEST)
    if revoked:
        delete_robot(robot=robot)
    task = ImportTask.objects.select_related("project", "requested_by").get(pk=asked.pk)
    for act in (services.approve, partial(services.reject, reason="no")):
        with pytest.raises(ApplicationError) as refused:
            act(task=task, user=user)
        assert refused.value.code == "permission_denied"
    assert [to_decide(each).rows for each in (user, other)] == [[], [task]]
    assert services.approve(task=task, user=other).status == Status.PENDING


def test_a_robot_that_no_journal_tells_of_is_its_makers_all_the_same(team: tuple[User, Project]) -> None:
    user, project = team
    other = UserFactory()
    Robot.objects.create(project=project, name="old", digest="x", created_by=user)
    Robot.objects.create(project=project, name="new", digest="y", created_by=other)
    asked = {
        name: ImportTask(project=project, robot=f"robot${project.name}+{name}") for name in ("old", "new")
    }
    assert {name: asked_by(task, user) for name, task in asked.items()} == {"old": True, "new": False}
