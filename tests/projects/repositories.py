"""A project with some repositories."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from tests.support.people import Team


def team_with_repositories() -> Team:
    """Three repositories of a project, one of another."""
    team = Team.make()
    now = timezone.now()
    for number, (repository, tag, size, pulls) in enumerate(
        [("web", "1", 10, 3), ("web", "2", 20, 4), ("api", "v1", 5, 9), ("tools/lint", "x", 50, 0)]
    ):
        team.image(repository, tag, size=size, pull_count=pulls, updated_at=now - dt.timedelta(days=number))
    Team.make("other").image("secret", "1")
    return team
