"""Two schedules that could write one tag are not both saved."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.exceptions import FieldErrors
from imageimport.models import Schedule
from imageimport.schedules import services as schedules
from projects.models import Project, Role
from tests.imageimport.schedules.saving import make
from tests.support.factories import member
from tests.support.people import bearer, call

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project() -> Project:
    user, project = member(Role.MAINTAINER)
    project.created_by = user
    return project


def collides(project: Project, **values: Any) -> str:
    with pytest.raises(FieldErrors) as refused:
        make(project, **values)
    assert list(refused.value.errors) == ["tags"]
    return str(refused.value.errors["tags"][0])


def test_two_sources_of_one_target_tag_are_refused_when_the_second_is_saved(project: Project) -> None:
    make(project, image_url="quay.io/a/b", tags=["1.*"], target_name="web")
    said = collides(project, image_url="ghcr.io/c/d", tags=["1.2"], target_name="web")
    assert "quay.io/a/b" in said
    assert "web:1.2" in said
    collides(project, image_url="ghcr.io/c/d", tags=["*-alpine"], target_name="web", enabled=False)
    collides(project, image_url="ghcr.io/c/d", tags=["semver:^1.4"], target_name="web")
    collides(project, image_url="quay.io/a/b", tags=["1.2"], target_name="web", platforms=["linux/amd64"])
    assert Schedule.objects.count() == 1


def test_a_tag_in_the_reference_is_the_rule_where_there_are_none(project: Project) -> None:
    make(project, image_url="quay.io/a/b", tags=[], target_name="web")
    collides(project, image_url="ghcr.io/c/d:latest", tags=[], target_name="web")
    assert make(project, image_url="ghcr.io/c/d:edge", tags=[], target_name="web")


@pytest.mark.parametrize(
    "values",
    [
        {"image_url": "quay.io/a/b", "tags": ["1.2"]},
        {"image_url": "quay.io/a/b", "tags": ["*"], "cron": "0 4 * * *"},
        {"image_url": "Quay.IO/a/b", "tags": ["1.2"]},
        {"image_url": "ghcr.io/c/d", "tags": ["2.*"]},
        {"image_url": "ghcr.io/c/d", "tags": ["*"], "exclude_tags": ["1.*"]},
        {"image_url": "ghcr.io/c/d", "tags": ["1.*"], "target_name": "other"},
    ],
)
def test_what_can_not_take_turns_at_a_tag_is_saved(project: Project, values: dict[str, Any]) -> None:
    make(project, image_url="quay.io/a/b", tags=["1.*"], target_name="web")
    assert make(project, **{"target_name": "web", **values})


def test_another_projects_target_is_another(project: Project) -> None:
    make(project, image_url="quay.io/a/b", target_name="web")
    user, theirs = member(Role.MAINTAINER)
    theirs.created_by = user
    assert make(theirs, image_url="ghcr.io/c/d", target_name="web")


def test_a_change_into_a_collision_is_refused_and_another_change_of_an_old_one_is_not(
    project: Project,
) -> None:
    first = make(project, image_url="quay.io/a/b", tags=["1.*"], target_name="web")
    second = make(project, image_url="ghcr.io/c/d", tags=["2.*"], target_name="web")
    into: list[dict[str, Any]] = [{"tags": ["1.5"]}, {"tags": []}, {"tags": ["*"]}]
    for changes in into:
        with pytest.raises(FieldErrors):
            schedules.update(
                schedule=second, user=project.created_by, changes={**changes, "image_url": "ghcr.io/c/d:1.0"}
            )
    # As a release before let them be: each may still be switched off, moved in time, and put right.
    Schedule.objects.filter(pk=second.pk).update(tags=["1.*"])
    past: list[dict[str, Any]] = [{"enabled": False}, {"cron": "0 4 * * *"}, {"tags": ["3.*"]}]
    for changes in past:
        schedules.update(schedule=second, user=project.created_by, changes=changes)
    schedules.update(schedule=first, user=project.created_by, changes={"tags": ["1.*", "4.*"]})


def test_of_two_that_collide_and_are_saved_at_once_one_is_refused(project: Project) -> None:
    together = threading.Barrier(2)

    def save(image_url: str) -> bool:
        together.wait()
        try:
            make(project, image_url=image_url, tags=["1.*"], target_name="web")
        except FieldErrors:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as pool:
        saved = list(pool.map(save, ["quay.io/a/b", "ghcr.io/c/d"]))
    assert sorted(saved) == [False, True]


def test_page_and_api_refuse_a_collision_at_the_tags(project: Project) -> None:
    assert project.created_by is not None
    make(project, image_url="quay.io/a/b", tags=["1.*"], target_name="web")
    body = {"image_url": "ghcr.io/c/d", "tags": ["1.2"], "target_name": "web", "cron": "0 3 * * *"}
    answer = call("POST", f"/projects/{project.pk}/schedules", body, bearer(project.created_by))
    assert (answer.status_code, list(answer.json())) == (400, ["tags"])
    client = Client()
    client.force_login(project.created_by)
    page = client.post(
        reverse("schedule-add", args=[project.name]),
        {**body, "tags": "1.2", "timezone": "UTC", "enabled": "on"},
    )
    assert page.status_code == 422
    assert "web:1.2" in page.content.decode()
    assert Schedule.objects.count() == 1
