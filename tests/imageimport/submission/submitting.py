"""Imports that someone asks for."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User

from imageimport.models import ImportTask
from imageimport.submission import services
from imageimport.submission.services import ImportRequest
from projects.models import Project

DIGEST = "sha256:" + "a" * 64


def submit(someone: tuple[User, Project], image: str = "nginx", **fields: Any) -> ImportTask:
    user, project = someone
    return services.submit(project=project, user=user, request=ImportRequest(image_url=image, **fields))
