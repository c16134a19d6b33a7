"""Who asked for an import that waits for approval: a person, or one through a robot account that they made."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, Q

from imageimport.models import ImportTask
from projects.selectors import made_robot, robots_made_by


def asked_by(task: ImportTask, user: Any) -> bool:
    """Whether ``user`` asked for it: themselves, or by a robot account that they made, revoked or not."""
    if task.requested_by_id is not None:
        return bool(task.requested_by_id == user.pk)
    return bool(task.robot) and made_robot(user, project_id=task.project_id, login=task.robot)


def is_asked_by(user: Any) -> Q:
    """The same as a condition on rows of imports, by the audit log alone."""
    made = robots_made_by(user).filter(project=OuterRef("project"), subject=OuterRef("robot"))
    return Q(requested_by=user) | (Q(requested_by=None) & ~Q(robot="") & Q(Exists(made)))
