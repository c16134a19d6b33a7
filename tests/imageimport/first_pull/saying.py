"""Who pulls, and what an answer to a pull says."""

from __future__ import annotations

from typing import Any

from projects.models import Project, Robot


def robot(project: Project, access: str = "pull") -> Robot:
    return Robot.objects.create(project=project, name=access, access=access, digest="x")


def code(answer: Any) -> str:
    return str(answer.json()["errors"][0]["code"])


def said(answer: Any) -> str:
    return str(answer.json()["errors"][0]["message"])
