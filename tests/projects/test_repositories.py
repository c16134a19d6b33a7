"""Repositories: what people think in."""

from __future__ import annotations

from typing import Any

import pytest

from projects.models import Image
from projects.repositories import Repositories
from tests.projects.repositories import team_with_repositories
from tests.support.people import Team

pytestmark = pytest.mark.django_db


@pytest.fixture
def team() -> Team:
    return team_with_repositories()


def test_many_tags_take_four_questions(team: Team, django_assert_max_num_queries: Any) -> None:
    Image.objects.bulk_create(
        Image(project=team.project, repository=f"r{number % 100}", tag=str(number), digest="d", size=1)
        for number in range(1000)
    )
    with django_assert_max_num_queries(4):
        found = Repositories(team.project)
        assert (len(found), len(found[:50])) == (103, 50)
