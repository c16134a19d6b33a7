"""The page of repositories leads to their tags."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.projects.repositories import team_with_repositories
from tests.support.people import Team

pytestmark = pytest.mark.django_db


@pytest.fixture
def team() -> Team:
    return team_with_repositories()


def test_the_page_leads_to_the_tags(team: Team) -> None:
    client = Client()
    client.force_login(team.users["viewer"])
    page = client.get("/projects/team/repositories/?order=-size").content.decode()
    assert page.index("tools/lint") < page.index(">web<") < page.index(">api<")
    assert 'href="/projects/team/?repository=web"' in page
    tags = client.get("/projects/team/?repository=web").content.decode()
    assert "tools/lint" not in tags.partition('id="images"')[2]
    assert client.get("/projects/team/repositories/?from=2&order=x").status_code == 200
