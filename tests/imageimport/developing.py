"""Requests of a developer, whose session is not asked for. Tests name ``project`` in their ``__all__``."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from projects.models import Project, Role
from tests.support.factories import member


@pytest.fixture
def project(api: APIClient) -> Project:
    user, project = member(Role.DEVELOPER)
    api.force_authenticate(user)
    return project
