"""A developer and a project."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from projects.models import Project, Role
from tests.support.factories import member


@pytest.fixture
def team() -> tuple[User, Project]:
    return member(Role.DEVELOPER)
