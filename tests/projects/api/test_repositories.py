"""The list of repositories: ordered, searched, page by page."""

from __future__ import annotations

from typing import Any

import pytest

from projects.repositories import ORDERS
from tests.projects.repositories import team_with_repositories
from tests.support.people import Team, call

pytestmark = pytest.mark.django_db


@pytest.fixture
def team() -> Team:
    return team_with_repositories()


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
