"""A developer's project with quotas. Tests that take ``team`` name it in their ``__all__``."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from projects.models import Project, Role
from tests.support.factories import member


@pytest.fixture
def team() -> tuple[User, Project]:
    return member(Role.DEVELOPER)


def limit(project: Project, **quota: int) -> None:
    Project.objects.filter(pk=project.pk).update(**quota)
    project.refresh_from_db()
