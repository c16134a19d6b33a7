"""The project that schedules are tried in."""

from __future__ import annotations

import pytest

from projects.models import Project, Role
from tests.support.factories import member


@pytest.fixture
def project() -> Project:
    user, project = member(Role.MAINTAINER)
    project.created_by = user
    project.save()
    return project
