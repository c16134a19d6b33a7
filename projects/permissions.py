"""Who may do what in a project. The one place for roles."""

from __future__ import annotations

from typing import Any, Final

from projects.groups.roles import RANK, highest
from projects.models import Project, Role

#: What everyone who signs in may read and pull.
OPEN: Final = frozenset({Project.Visibility.INTERNAL, Project.Visibility.PUBLIC})


def role_of(user: Any, project: Project) -> Role | None:
    """The user's own role, the highest that they have themselves or by a group; a superuser is everywhere an owner.
    None: no member, anonymous, or a blocked user.

    :func:`projects.selectors.visible_projects` brings the role along, then nothing is asked here.
    """
    if not (user.is_authenticated and user.is_active):
        return None
    if user.is_superuser:
        return Role.OWNER
    return highest(user, project)


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


def may_ask(project: Project) -> bool:
    """Whether the reader, of a project that :func:`projects.selectors.visible_projects` found for them, may ask for an
    import that someone has to approve: a member whose role is at least ``requests_from``."""
    role = getattr(project, "role", None)
    return reaches(Role(role) if role else None, Role(project.requests_from))


def is_member(project: Project) -> bool:
    """Whether the reader, of a project that :func:`projects.selectors.visible_projects` found for them, has a role of
    their own in it: what everyone may read of an open project is not theirs to hold or fill."""
    return bool(getattr(project, "role", None))


def can_read(user: Any, project: Project) -> bool:
    """Member, superuser, or internal or public project and signed in. To all others it does not exist."""
    return at_least(user, project, Role.VIEWER)
