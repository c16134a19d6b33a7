"""What a caller at the registry's door is granted of what they ask for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from accounts.models import ApiToken
from projects import keeping
from projects.groups.roles import RANK
from projects.models import Project, Robot, Role
from projects.permissions import effective_role
from projects.quota import excess
from projects.token_service.authentication import Caller
from projects.token_service.scopes import split_repository
from projects.token_service.tokens import Access

#: The least role for each action.
NEEDS: Final = {"pull": Role.VIEWER, "push": Role.DEVELOPER, "delete": Role.MAINTAINER}
_ROBOTS: Final = {Robot.Access.PULL: frozenset({"pull"}), Robot.Access.PUSH: frozenset({"pull", "push"})}
_TOKENS: Final = {
    ApiToken.Scope.READ: frozenset({"pull"}),
    ApiToken.Scope.IMPORT: frozenset({"pull", "push"}),
    ApiToken.Scope.ADMIN: frozenset(NEEDS),
}
_NOTHING: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Decision:
    """One thing asked for: what was granted of it, and the project that it is in, if there is one.

    ``over_quota``: why a push was not granted that the caller's role allows; ``kept``: why a deletion was not; else
    empty.
    """

    asked: Access
    granted: Access
    project: Project | None
    over_quota: str = ""
    kept: str = ""

    @property
    def refused(self) -> tuple[str, ...]:
        return tuple(action for action in self.asked.actions if action not in self.granted.actions)


def decide(*, caller: Caller, wanted: Iterable[Access]) -> list[Decision]:
    """A decision on each thing. A project that is not there and one that is not the caller's look the same."""
    decisions = []
    projects: dict[str, tuple[Project | None, frozenset[str]]] = {}
    for asked in wanted:
        project, may, over_quota, kept = None, _NOTHING, "", ""
        where = split_repository(asked.name) if asked.type.partition("(")[0] == "repository" else None
        if where is not None:
            if where[0] not in projects:
                projects[where[0]] = _in_project(caller, where[0])
            project, may = projects[where[0]]
        elif (asked.type, asked.name) == ("registry", "catalog") and _lists_everything(caller):
            may = frozenset({"*"})
        granted = [each for each in asked.actions if each in may]
        if where is not None and "*" in asked.actions:
            granted += [each for each in NEEDS if each in may and each not in granted]
        if project is not None and "push" in granted:
            over_quota = excess(project)
            granted = [each for each in granted if each != "push" or not over_quota]
        if project is not None and where is not None and "delete" in granted:
            kept = _kept(project, where[1])
            granted = [each for each in granted if each != "delete" or not kept]
        access = Access(asked.type, asked.name, tuple(granted))
        decisions.append(Decision(asked, access, project, over_quota, kept))
    return decisions


def _kept(project: Project, repository: str) -> str:
    """Why nothing may be deleted at the registry's door: a token is for a whole repository, and a deletion there takes
    the manifest along, which something in it is to outlive. One English sentence; empty where nothing is held."""
    hold = keeping.held_in(project, repository)
    if hold is None:
        return ""
    reason = hold.reason % hold.params if hold.params else hold.reason
    return f"{reason} Delete tags of {project.name}/{repository} on the portal's pages or with its API."


def _in_project(caller: Caller, name: str) -> tuple[Project | None, frozenset[str]]:
    project = Project.objects.filter(name=name).first()
    if project is None:
        return None, _NOTHING
    may = _as_robot(caller.robot, project) if caller.robot is not None else _as_user(caller, project)
    if project.visibility == Project.Visibility.PUBLIC:
        may |= {"pull"}
    return project, may


def _as_robot(robot: Robot, project: Project) -> frozenset[str]:
    return _ROBOTS[Robot.Access(robot.access)] if robot.project_id == project.pk else _NOTHING


def _as_user(caller: Caller, project: Project) -> frozenset[str]:
    role = effective_role(caller.user, project) if caller.user is not None else None
    if role is None:
        return _NOTHING
    may = frozenset(action for action, needed in NEEDS.items() if RANK[role] >= RANK[needed])
    return may & _TOKENS[ApiToken.Scope(caller.token.scope)] if caller.token is not None else may


def _lists_everything(caller: Caller) -> bool:
    return caller.user is not None and caller.user.is_active and caller.user.is_superuser
