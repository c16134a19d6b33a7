"""Addresses of the API."""

from __future__ import annotations

from typing import Any

from projects.models import Project


def path(project: Project, *more: Any) -> str:
    """What is below a project."""
    return "/".join([f"/api/v1/projects/{project.pk}", *map(str, more)])
