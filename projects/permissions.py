"""Who may do what in a project. The one place for roles."""

from __future__ import annotations

from typing import Any, Final

from projects.models import Membership, Project, Role

#: What everyone who signs in may read and pull.
OPEN: Final = frozenset({Project.Visibility.INTERNAL, Project.Visibility.PUBLIC})
#: Each role has all that those below it may.
RANK: Final = {Role.VIEWER: 1, Role.DEVELOPER: 2, Role.MAINTAINER: 3, Role.OWNER: 4}


def role_of(user: Any, project: Project) -> Role | None:
    """The user's own role; a superuser is everywhere an owner. None: no member, nobody, or a blocked user.

    :func:`projects.selectors.visible_projects` brings the role along, then nothing is asked here.
    """
    if not (user.is_authenticated and user.is_active):
        return None
    if user.is_superuser:
        return Role.OWNER
    found = Membership.objects.filter(project=project, user_id=user.pk).values_list("role", flat=True).first()
    return Role(found) if found else None


def effective_role(user: Any, project: Project) -> Role | None:
    """As :func:`role_of`; in an internal or public project everyone who is signed in is at least a viewer."""
    role = role_of(user, project)
    if role is None and project.visibility in OPEN:
        return Role.VIEWER if user.is_authenticated and user.is_active else None
    return role


def reaches(role: Role | None, needed: Role) -> bool:
    """``role`` has all that ``needed`` has."""
    return role is not None and RANK[role] >= RANK[needed]


def at_least(user: Any, project: Project, role: Role) -> bool:
    """The user may do what ``role`` may."""
    return reaches(effective_role(user, project), role)


def can_read(user: Any, project: Project) -> bool:
    """Member, superuser, or internal or public project and signed in. To all others it does not exist."""
    return at_least(user, project, Role.VIEWER)
