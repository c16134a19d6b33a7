"""Why content stays, for tests."""

from __future__ import annotations

from collections.abc import Collection

from projects.keeping import Hold, holds
from projects.models import Project


def reasons(project: Project, digests: Collection[str]) -> dict[str, Hold]:
    """Why each of these digests stays: the first hold of each. What is missing is held by no one."""
    found: dict[str, Hold] = {}
    for hold in holds(project, digests):
        found.setdefault(hold.digest, hold)
    return found
