"""Uploads by tus, as clients send them. Tests name ``directory`` and ``project`` in their ``__all__``."""

from __future__ import annotations

import base64
import random
from pathlib import Path
from typing import Any, cast

import pytest
from rest_framework.test import APIClient

from projects.models import Project, Role
from tests.support.factories import member

CONTENT = random.Random(3).randbytes(300_000)
TUS = {"Tus-Resumable": "1.0.0"}


@pytest.fixture(autouse=True)
def directory(settings: Any, tmp_path: Path) -> Path:
    settings.UPLOADS_DIR = tmp_path / "uploads"
    return tmp_path / "uploads"


@pytest.fixture
def project(api: APIClient) -> Project:
    user, project = member(Role.DEVELOPER)
    api.force_authenticate(user)
    return project


def where(project: Project) -> str:
    return f"/api/v1/projects/{project.pk}/uploads"


def begin(api: APIClient, project: Project, length: int = len(CONTENT), name: str = "images.tar") -> Any:
    told = base64.b64encode(name.encode()).decode()
    headers = {**TUS, "Upload-Length": str(length), "Upload-Metadata": f"filename {told}, kind dGFy"}
    return api.post(where(project), headers=headers)


def send(api: APIClient, place: str, offset: int, piece: bytes, **headers: str) -> Any:
    told = {**TUS, "Upload-Offset": str(offset), **{k.replace("_", "-"): v for k, v in headers.items()}}
    return api.generic(
        "PATCH", place, cast(str, piece), content_type="application/offset+octet-stream", headers=told
    )
