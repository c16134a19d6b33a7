"""Whose pulls cause imports."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from imageimport.models import ImportTask
from projects.models import Project, Robot, Role
from testbed.scripted_registry import ScriptedRegistry
from tests.imageimport.first_pull.conftest import Ask
from tests.imageimport.first_pull.saying import code, robot
from tests.support.factories import MembershipFactory, ProjectFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


def test_only_members_and_robots_with_the_role_cause_imports_however_public_the_project(
    ask: Ask, project: Project, target: ScriptedRegistry
) -> None:
    Project.objects.update(visibility=Project.Visibility.PUBLIC, first_pull=Project.FirstPull.DEVELOPER)
    viewer, developer = UserFactory(), UserFactory()
    MembershipFactory(project=project, user=viewer, role=Role.VIEWER)
    MembershipFactory(project=project, user=developer, role=Role.DEVELOPER)
    stranger = UserFactory().get_username()
    foreign = robot(ProjectFactory(), "push").login
    for subject in ("", stranger, foreign, "portal$", viewer.get_username(), robot(project).login):
        assert (ask(subject).status_code, code(ask(subject))) == (404, "MANIFEST_UNKNOWN"), subject
    # A token that only reads makes a developer a viewer.
    assert ask(developer.get_username(), reads_only=True).status_code == 404
    developer.is_active = False
    developer.save()
    assert ask(developer.get_username()).status_code == 404
    assert not ImportTask.objects.exists()
    developer.is_active = True
    developer.save()
    assert ask(developer.get_username()).status_code == 503
    assert ImportTask.objects.get().requester == developer.get_username()


def test_an_expired_robot_causes_nothing(ask: Ask, project: Project, target: ScriptedRegistry) -> None:
    row = robot(project, "push")
    Robot.objects.update(expires_at=timezone.now())
    assert ask(row.login).status_code == 404
    assert not ImportTask.objects.exists()


def test_without_a_token_of_the_registry_there_is_no_answer(
    ask: Ask, project: Project, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    name = f"{project.name}/{source.server_name.replace(':', '__')}/ns/app"
    for header in ("", "Bearer nonsense", "Basic YTpi"):
        headers = {"Authorization": header} if header else {}
        for kind in ("missing", "stale"):
            answer = Client().get(f"/service/first-pull/{kind}/v2/{name}/manifests/1", headers=headers)
            assert (answer.status_code, code(answer)) == (401, "UNAUTHORIZED")
            assert answer.headers["WWW-Authenticate"].startswith("Bearer realm=")
    assert Client().post(f"/service/first-pull/missing/v2/{name}/manifests/1").status_code == 405
    assert source.requests == []
    assert not ImportTask.objects.exists()


def test_a_token_for_another_repository_opens_nothing(
    ask: Ask, project: Project, target: ScriptedRegistry
) -> None:
    from projects.token_service.tokens import Access, mint

    other = mint(subject=robot(project).login, access=[Access("repository", f"{project.name}/x", ("pull",))])
    path = f"/service/first-pull/missing/v2/{project.name}/ghcr.io/a/b/manifests/1"
    answer = Client().get(path, headers={"Authorization": f"Bearer {other.text}"})
    assert answer.status_code == 401
    assert not ImportTask.objects.exists()
