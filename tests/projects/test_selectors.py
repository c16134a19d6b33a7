"""Which projects someone may read at all."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser

from projects.selectors import visible_projects
from tests.support.people import Team

pytestmark = pytest.mark.django_db


def test_a_blocked_user_sees_nothing_whoever_he_was() -> None:
    team = Team.make("team")
    for role in ("owner", "viewer", "superuser"):
        user = team.users[role]
        assert visible_projects(user).exists(), role
        user.is_active = False
        assert not visible_projects(user).exists(), role
    assert not visible_projects(AnonymousUser()).exists()
