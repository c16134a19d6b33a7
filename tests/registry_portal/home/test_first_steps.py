"""The list of first steps: whom it is for, what is done, and when it is gone."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from imageimport.choices import Status
from projects.models import Robot
from registry_portal.home.first_steps import FEW, Step, first_steps
from tests.support.factories import ImageFactory, ended_task
from tests.support.people import Team

pytestmark = pytest.mark.django_db


@pytest.fixture
def team(db: None) -> Team:
    return Team.make("team")


def steps(team: Team, caller: str, *, images: int = 0) -> list[Step]:
    return first_steps(team.users[caller], images=images, targets=["team"])


def test_each_step_is_done_once_someone_of_the_project_did_it(team: Team) -> None:
    assert [step.is_done for step in steps(team, "owner")] == [False, False, False]
    # The sample is imported by no person.
    ended_task(Status.SUCCESS, project=team.project, requested_by=None)
    assert not steps(team, "owner")[0].is_done
    ended_task(Status.SUCCESS, project=team.project, requested_by=team.users["developer"])
    assert [step.is_done for step in steps(team, "owner")] == [True, False, False]
    image = ImageFactory(project=team.project)
    assert steps(team, "owner")[1].url == "/projects/team/"
    Robot.objects.create(project=team.project, name="ci")
    assert [step.is_done for step in steps(team, "owner")] == [True, False, True]
    image.last_pulled_at = timezone.now()
    image.save()
    assert steps(team, "owner") == []


def test_others_projects_do_no_step_of_mine(team: Team) -> None:
    other = Team.make("other")
    ended_task(Status.SUCCESS, project=other.project, requested_by=other.users["owner"])
    ImageFactory(project=other.project, last_pulled_at=timezone.now())
    Robot.objects.create(project=other.project, name="ci")
    assert [step.is_done for step in steps(team, "owner")] == [False, False, False]


def test_who_may_not_import_or_has_many_images_has_no_list(team: Team) -> None:
    assert first_steps(team.users["viewer"], images=0, targets=[]) == []
    assert steps(team, "owner", images=FEW + 1) == []
    # Robot accounts are for maintainers, accounts of people for superusers.
    assert len(steps(team, "developer")) == 2
    assert len(steps(team, "owner")) == 3
    assert [step.url for step in steps(team, "superuser")][-1] == "/admin/auth/user/"


@pytest.mark.parametrize(("language", "words"), [("en", "First steps"), ("zh-hans", "入门步骤")])
def test_the_overview_shows_them_until_they_are_done(team: Team, language: str, words: str) -> None:
    client = Client(headers={"accept-language": language})
    client.force_login(team.users["owner"])
    assert words in client.get("/").content.decode()
    ended_task(Status.SUCCESS, project=team.project, requested_by=team.users["owner"])
    ImageFactory(project=team.project, last_pulled_at=timezone.now())
    Robot.objects.create(project=team.project, name="ci")
    assert words not in client.get("/").content.decode()
