"""People keep filters for lists: their own, of known parts, and never another's."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.exceptions import FieldErrors
from projects.search import saved_filters
from tests.support.people import Team

pytestmark = pytest.mark.django_db


@pytest.fixture
def team(db: None) -> Team:
    return Team.make("team")


def test_a_name_is_looked_at_before_the_database_is_asked_for_it(
    team: Team, django_assert_num_queries: Any
) -> None:
    """PostgreSQL takes no NUL in a question; SQLite does."""
    with pytest.raises(FieldErrors) as refused, django_assert_num_queries(0):
        saved_filters.save(
            project=team.project, user=team.users["viewer"], of="images", name="a\x00", query="search=a"
        )
    assert set(refused.value.errors) == {"name"}


def test_one_person_keeps_twenty_for_a_list(team: Team) -> None:
    user = team.users["viewer"]
    for number in range(saved_filters.MAX_FILTERS):
        saved_filters.save(project=team.project, user=user, of="images", name=str(number), query="search=a")
    with pytest.raises(FieldErrors):
        saved_filters.save(project=team.project, user=user, of="images", name="more", query="search=a")
    for name in ("3", " 3 "):
        saved_filters.save(project=team.project, user=user, of="images", name=name, query="search=b")
    saved_filters.save(project=team.project, user=user, of="imports", name="more", query="search=a")
