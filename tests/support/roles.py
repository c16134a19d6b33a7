"""Calls to a project's API: what each takes, and what it answers to whom."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.urls import get_resolver

from projects.groups.roles import RANK
from projects.models import Project, Role


@dataclass(frozen=True)
class Case:
    """A call, the least role that it takes, and what it answers then.

    :ivar members_only: what everyone may read of an open project, they may not make there.
    """

    method: str
    route: str
    role: Role
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict, hash=False)
    query: str = ""
    members_only: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.route}"

    def path(self, project: Project, places: dict[str, Any]) -> str:
        """Its address in a project. ``places``: rows or their keys, by the names of the route's arguments."""
        keys = {name: getattr(place, "pk", place) for name, place in places.items()}
        return f"/projects/{project.pk}{self.route.format(**keys)}{self.query}"


def expected(case: Case, caller: str, visibility: str) -> int:
    """What the contract says. ``caller``: one of :data:`tests.support.people.CALLERS`."""
    if caller == "anonymous":
        return 401
    role = Role.OWNER if caller == "superuser" else None if caller == "stranger" else Role(caller)
    if role is None and visibility == Project.Visibility.PRIVATE:
        return 404
    if role is None and case.members_only:
        return 403
    return case.status if RANK[role or Role.VIEWER] >= RANK[case.role] else 403


def routes(names: Iterable[str]) -> set[str]:
    """Routes below a project of the addresses with these names, their arguments written as cases write them."""
    wanted, found = set(names), set()
    for name, ways in get_resolver().reverse_dict.lists():
        if isinstance(name, str) and name in wanted:
            found |= {route for possibilities, *_ in ways for route, _arguments in possibilities}
    tails = {route.partition("%(project_id)s")[2] for route in found if "%(project_id)s" in route}
    return {re.sub(r"%\((\w+?)(?:_id)?\)s", r"{\1}", tail) for tail in tails}


def names_of_routes(prefix: str) -> set[str]:
    """Names of all addresses that begin so."""
    return {name for name in get_resolver().reverse_dict if isinstance(name, str) and name.startswith(prefix)}
