"""Every route of a project, every verb, everyone who may knock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from django.urls import get_resolver

from projects.models import Project, Robot, Role
from projects.permissions import RANK
from projects.registry import removal
from tests.support.people import CALLERS, Team, call, make_user

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Case:
    """A call, the least role that it takes, and what it answers then."""

    method: str
    route: str
    role: Role
    status: int
    body: Any = None

    def __str__(self) -> str:
        return f"{self.method} {self.route}"


CASES = [
    Case("GET", "", Role.VIEWER, 200),
    Case("PATCH", "", Role.OWNER, 200, {"description": "new"}),
    Case("DELETE", "", Role.OWNER, 204),
    Case("GET", "/members", Role.VIEWER, 200),
    Case("POST", "/members", Role.MAINTAINER, 201, {"username": "newcomer", "role": "viewer"}),
    Case("GET", "/members/{member}", Role.VIEWER, 200),
    Case("PATCH", "/members/{member}", Role.MAINTAINER, 200, {"role": "developer"}),
    Case("DELETE", "/members/{member}", Role.MAINTAINER, 204),
    Case("PATCH", "/members/{owner}", Role.OWNER, 200, {"role": "viewer"}),
    Case("DELETE", "/members/{owner}", Role.OWNER, 204),
    Case("GET", "/images", Role.VIEWER, 200),
    Case("GET", "/images/{image}", Role.VIEWER, 200),
    Case("DELETE", "/images/{image}", Role.MAINTAINER, 204),
    Case("GET", "/robots", Role.MAINTAINER, 200),
    Case("POST", "/robots", Role.MAINTAINER, 201, {"name": "ci", "access": "pull"}),
    Case("GET", "/robots/{robot}", Role.MAINTAINER, 200),
    Case("DELETE", "/robots/{robot}", Role.MAINTAINER, 204),
]


def expected(case: Case, caller: str, visibility: str) -> int:
    """What the contract says."""
    if caller == "anonymous":
        return 401
    role = Role.OWNER if caller == "superuser" else None if caller == "stranger" else Role(caller)
    if role is None and visibility == Project.Visibility.PRIVATE:
        return 404
    return case.status if RANK[role or Role.VIEWER] >= RANK[case.role] else 403


@pytest.fixture
def registry_obeys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Removing tags is another test's question."""
    monkeypatch.setattr(removal, "delete_tag", lambda **_: True)
    monkeypatch.setattr(removal, "repositories_of", lambda _: [])


@pytest.mark.usefixtures("registry_obeys")
@pytest.mark.parametrize("visibility", ["private", "internal", "public"])
@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_call_takes_its_role(case: Case, caller: str, visibility: str) -> None:
    team = Team.make(visibility=visibility)
    make_user("newcomer")
    second = Team.make("other")  # a second owner, so that the first may go
    team.project.memberships.create(user=second.users["owner"], role=Role.OWNER)
    robot = Robot.objects.create(project=team.project, name="bot", digest="0" * 64)
    path = f"/projects/{team.project.pk}" + case.route.format(
        member=team.member("viewer").pk, owner=team.member("owner").pk, image=team.image().pk, robot=robot.pk
    )
    answer = call(case.method, path, case.body, team.bearer(caller))
    assert answer.status_code == expected(case, caller, visibility), answer.content
    if answer.status_code == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    if answer.status_code >= 400:
        assert answer.json().keys() == {"code", "detail"}


def test_the_table_has_every_route_of_a_project() -> None:
    named = {case.route.replace("{owner}", "{member}") for case in CASES}
    own = {"project-", "project-member-", "project-image-", "project-robot-"}
    found = set()
    for name, routes in get_resolver().reverse_dict.lists():
        if isinstance(name, str) and any(name in (f"{prefix}list", f"{prefix}detail") for prefix in own):
            found |= {route for possibilities, *_ in routes for route, _arguments in possibilities}
    tails = {route.partition("%(project_id)s")[2] for route in found if "%(project_id)s" in route}
    for argument in ("member", "image", "robot"):
        tails = {tail.replace(f"%({argument}_id)s", f"{{{argument}}}") for tail in tails}
    assert tails == named


@pytest.mark.usefixtures("registry_obeys")
@pytest.mark.parametrize("route", ["/members/{}", "/images/{}", "/robots/{}"])
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_another_projects_rows_are_not_there(method: str, route: str) -> None:
    team, other = Team.make(), Team.make("other")
    robot = Robot.objects.create(project=other.project, name="bot", digest="0" * 64)
    theirs = {"/members/{}": other.member("viewer"), "/images/{}": other.image(), "/robots/{}": robot}[route]
    path = f"/projects/{team.project.pk}" + route.format(theirs.pk)
    body = {"role": "owner"} if method == "PATCH" else None
    answer = call(method, path, body, team.bearer("owner"))
    assert answer.status_code in (404, 405)
    theirs.refresh_from_db()


@pytest.mark.parametrize("scope", ["read", "import"])
@pytest.mark.parametrize("case", [case for case in CASES if case.method != "GET"], ids=str)
def test_a_narrow_token_changes_nothing(case: Case, scope: str) -> None:
    team = Team.make()
    path = f"/projects/{team.project.pk}" + case.route.format(
        member=team.member("viewer").pk,
        owner=team.member("owner").pk,
        image=team.image().pk,
        robot=team.project.pk,
    )
    answer = call(case.method, path, case.body, team.bearer("superuser", scope=scope))
    assert answer.status_code == 403
    assert answer.json()["code"] == "insufficient_scope"


@pytest.mark.parametrize("verb", ["PUT", "POST"])
def test_verbs_that_there_are_not_are_refused_as_such(verb: str) -> None:
    team = Team.make()
    answer = call(verb, f"/projects/{team.project.pk}", {}, team.bearer("owner"))
    assert answer.status_code == 405
    assert answer.json()["code"] == "method_not_allowed"
