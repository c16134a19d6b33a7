"""Which schedules keep a repository up to date is seen where the repositories are."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from imageimport.models import Schedule
from tests.support.people import Team, call

pytestmark = pytest.mark.django_db


@pytest.fixture
def team() -> Team:
    team = Team.make()
    for repository in ("nginx", "mirror/redis", "plain"):
        team.image(repository, "1")
    return team


def keep(team: Team, image_url: str, **values: Any) -> Schedule:
    return Schedule.objects.create(
        project=team.project, image_url=image_url, **{"cron": "0 3 * * *", **values}
    )


def rows(team: Team, query: str = "") -> dict[str, list[str]]:
    path = f"/projects/{team.project.pk}/repositories{query}"
    found = call("GET", path, None, team.bearer("viewer")).json()["results"]
    return {row["repository"]: [sync["image_url"] for sync in row["syncs"]] for row in found}


def test_a_repository_lists_the_schedules_that_write_to_it(team: Team) -> None:
    keep(team, "nginx:1.27")
    keep(team, "quay.io/a/nginx", target_name="nginx", tags=["2.*"])
    keep(team, "redis", target_name="mirror/redis")
    keep(team, "plain", enabled=False)
    keep(Team.make("other"), "plain")
    expected = {"nginx": ["nginx:1.27", "quay.io/a/nginx"], "mirror/redis": ["redis"], "plain": []}
    assert rows(team) == expected


def test_its_fields_are_those_of_the_schedule(team: Team) -> None:
    schedule = keep(team, "nginx")
    path = f"/projects/{team.project.pk}/repositories?search=nginx"
    (row,) = call("GET", path, None, team.bearer("viewer")).json()["results"]
    assert row["syncs"] == [{"id": str(schedule.pk), "image_url": "nginx", "cron": "0 3 * * *"}]


def test_a_project_that_keeps_full_names_is_told_by_these(team: Team) -> None:
    team.project.naming = "full"
    team.project.save()
    team.image("docker.io/library/nginx", "1")
    keep(team, "nginx")
    assert rows(team)["docker.io/library/nginx"] == ["nginx"]
    assert rows(team)["nginx"] == []


def test_most_syncs_first_and_last(team: Team) -> None:
    keep(team, "redis", target_name="mirror/redis", tags=["1"])
    keep(team, "quay.io/a/redis", target_name="mirror/redis", tags=["2"])
    keep(team, "nginx")
    assert list(rows(team, "?ordering=-syncs")) == ["mirror/redis", "nginx", "plain"]
    assert list(rows(team, "?ordering=syncs")) == ["plain", "nginx", "mirror/redis"]


def test_the_badge_leads_to_its_schedule(team: Team) -> None:
    made = [keep(team, f"redis:{number}", target_name="mirror/redis") for number in range(4)]
    client = Client()
    client.force_login(team.users["viewer"])
    page = client.get("/projects/team/repositories/?order=-syncs").content.decode()
    badges = re.findall(r'<a class="chip chip-blue" href="([^"]+)" title="([^"]+)"', page)
    assert [href for href, _ in badges] == [f"/projects/team/schedules/{each.pk}/" for each in made[:2]]
    assert all(title != "0 3 * * *" for _, title in badges)
    assert "and 2 more</a>" in page
    assert page.index(">mirror/redis<") < page.index(">plain<")


@pytest.mark.parametrize("order", ["repository", "-syncs"])
def test_however_many_schedules_there_are_they_take_one_query(team: Team, order: str) -> None:
    client = Client()
    client.force_login(team.users["viewer"])
    counts = []
    for number in (1, 20):
        for each in range(number):
            keep(team, f"quay.io/a/app{number}:{each}", target_name="nginx")
        with CaptureQueriesContext(connection) as queries:
            assert client.get(f"/projects/team/repositories/?order={order}").status_code == 200
        counts.append(sum("schedule" in query["sql"] for query in queries))
    assert counts == [1, 1]
