"""Uploaded files, and imports of what is in them. A test that takes ``project`` names it in its ``__all__``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from imageimport.bundles import uploads
from projects.models import Project, Role
from stack.sample import index_of
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry
from tests.support.factories import member

ONE = random_image([60_000, 5_000], seed=1)
INDEX = index_of([random_image([4_000], seed=2), random_image([3_000], seed=3, platform="linux/arm64")])


@pytest.fixture
def project(api: APIClient, target: ScriptedRegistry, settings: Any, tmp_path: Path) -> Project:
    """A developer's project; its uploads are in a directory of the test."""
    settings.UPLOADS_DIR = tmp_path / "uploads"
    user, project = member(Role.DEVELOPER)
    api.force_authenticate(user)
    return project


class Given:
    """What a request brings."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def read(self, size: int, /) -> bytes:
        piece, self._content = self._content[:size], self._content[size:]
        return piece


def upload(project: Project, content: bytes, name: str = "images.tar") -> str:
    made = uploads.create(project=project, user=None, length=len(content), file_name=name)
    uploads.receive(upload=made, offset=0, stream=Given(content), length=len(content))
    return str(made.pk)


def start(api: APIClient, project: Project, *ids: str, **more: Any) -> Any:
    return api.post(f"/api/v1/projects/{project.pk}/bundles/import", {"uploads": list(ids), **more})


def plan(api: APIClient, project: Project, *ids: str, **more: Any) -> Any:
    return api.post(f"/api/v1/projects/{project.pk}/bundles/import/plan", {"uploads": list(ids), **more})
