"""Whose pull may start an import: members and robots of the project, as far as it says, and no one else."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User

from projects.models import Project, Robot, Role
from projects.permissions import reaches, role_of
from projects.token_service.authentication import robot_called
from projects.token_service.tokens import Claims


@dataclass(frozen=True, slots=True)
class Puller:
    """One of the two. ``robot`` is the name of the account."""

    user: User | None = None
    robot: str = ""


def puller_of(claims: Claims, project: Project) -> Puller | None:
    """Who pulls with this token of the registry, if that one may start imports in ``project``."""
    if project.first_pull == Project.FirstPull.OFF:
        return None
    robot = robot_called(claims.subject)
    if robot is not None:
        pushes = robot.access == Robot.Access.PUSH
        role = (Role.DEVELOPER if pushes else Role.VIEWER) if robot.project_id == project.pk else None
        found = Puller(robot=robot.login)
    else:
        user = User.objects.filter(username=claims.subject).first()
        role = role_of(user, project) if user is not None else None
        if role is not None and claims.reads_only:
            role = Role.VIEWER
        found = Puller(user=user)
    return found if reaches(role, Role(project.first_pull)) else None
