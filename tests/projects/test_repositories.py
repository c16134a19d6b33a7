"""Repositories: what people think in."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from projects.models import Image
from projects.repositories import ORDERS, Repositories
from tests.support.people import Team, call

pytestmark = pytest.mark.django_db


@pytest.fixture
def team() -> Team:
    team = Team.make()
    now = timezone.now()
    for number, (repository, tag, size, pulls) in enumerate(
        [("web", "1", 10, 3), ("web", "2", 20, 4), ("api", "v1", 5, 9), ("tools/lint", "x", 50, 0)]
    ):
        team.image(repository, tag, size=size, pull_count=pulls, updated_at=now - dt.timedelta(days=number))
    Team.make("other").image("secret", "1")
    return team


def names(found: Any) -> list[str]:
    return [row["repository"] for row in found]


def test_a_row_a_repository(team: Team) -> None:
    path, headers = f"/projects/{team.project.pk}/repositories", team.bearer("viewer")
    rows = call("GET", path, None, headers).json()["results"]
    assert names(rows) == ["api", "tools/lint", "web"]
    web = rows[2]
    assert web.pop("updated_at")
    assert web == {
        "repository": "web",
        "tags": 2,
        "size": 30,
        "newest_tag": "1",
        "pull_count": 7,
        "syncs": [],
    }


@pytest.mark.parametrize("name", ORDERS)
def test_each_order_and_its_opposite(team: Team, name: str) -> None:
    path, headers = f"/projects/{team.project.pk}/repositories", team.bearer("viewer")
    rising = call("GET", f"{path}?ordering={name}", None, headers).json()["results"]
    falling = call("GET", f"{path}?ordering=-{name}", None, headers).json()["results"]
    assert rising == sorted(rising, key=lambda row: row[name])
    assert [row[name] for row in falling] == [row[name] for row in rising][::-1]
    assert sorted(names(falling)) == sorted(names(rising))


def test_search_and_pages(team: Team) -> None:
    path, headers = f"/projects/{team.project.pk}/repositories", team.bearer("viewer")
    assert names(call("GET", f"{path}?search=li", None, headers).json()["results"]) == ["tools/lint"]
    first = call("GET", f"{path}?page_size=2", None, headers).json()
    assert names(first["results"]) == ["api", "tools/lint"]
    second = call("GET", first["next"].partition("/api/v1")[2], None, headers).json()
    assert (names(second["results"]), second["next"]) == (["web"], None)
    assert call("GET", f"{path}?ordering=x", None, headers).status_code == 400


def test_the_page_leads_to_the_tags(team: Team) -> None:
    client = Client()
    client.force_login(team.users["viewer"])
    page = client.get("/projects/team/repositories/?order=-size").content.decode()
    assert page.index("tools/lint") < page.index(">web<") < page.index(">api<")
    assert 'href="/projects/team/?repository=web"' in page
    tags = client.get("/projects/team/?repository=web").content.decode()
    assert "tools/lint" not in tags.partition('id="images"')[2]
    assert client.get("/projects/team/repositories/?from=2&order=x").status_code == 200


def test_many_tags_take_four_questions(team: Team, django_assert_max_num_queries: Any) -> None:
    Image.objects.bulk_create(
        Image(project=team.project, repository=f"r{number % 100}", tag=str(number), digest="d", size=1)
        for number in range(1000)
    )
    with django_assert_max_num_queries(4):
        found = Repositories(team.project)
        assert (len(found), len(found[:50])) == (103, 50)
