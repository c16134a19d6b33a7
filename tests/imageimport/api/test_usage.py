"""What a project holds, beside its limits, in the API."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from projects.models import Project
from tests.imageimport.paths import path

pytestmark = pytest.mark.django_db


def test_usage_stands_beside_the_limits(api: APIClient, project: Project) -> None:
    Project.objects.filter(pk=project.pk).update(quota_bytes=1000)
    found = api.get(path(project, "usage")).json()
    assert found.items() >= {
        "images": 0, "images_limit": None, "bytes": 0, "bytes_limit": 1000, "queued": 0, "queued_limit": None,
    }.items()  # fmt: skip
    assert found["limits"] == {"images": None, "bytes": 1000, "queued": None}
