"""Which repositories are a project's."""

from __future__ import annotations

import pytest

from projects.registry import catalog
from tests.support.people import Team

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("registry", "found"),
    [
        (["team/unseen", "team2/app", "other/team/app", "team"], ["team/app", "team/unseen"]),
        (None, ["team/app"]),
    ],
)
def test_they_are_those_of_the_index_and_of_the_registry_below_its_name(
    monkeypatch: pytest.MonkeyPatch, registry: list[str] | None, found: list[str]
) -> None:
    team = Team.make()
    team.image("app", "1")
    team.image("app", "2")
    Team.make("team2").image("elsewhere", "1")
    monkeypatch.setattr(catalog, "catalog", lambda: registry)
    assert catalog.repositories_of(team.project) == found
