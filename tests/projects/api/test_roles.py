"""Every route of a project, every verb, everyone who may knock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from oci.copy.image_info import ImageInfo
from projects.models import GroupRole, Project, ProtectedTag, RetentionRule, Robot, Role, TrashedTag
from projects.registry import removal
from projects.retention import trash
from tests.support.content.inside import SBOM, OneImage
from tests.support.people import CALLERS, DIGEST, Team, call, make_user, read_to_its_end
from tests.support.roles import Case, expected, routes
from tests.support.shared_rows import undone

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
    Case("GET", "/repositories", Role.VIEWER, 200),
    Case("GET", "/images/{image}", Role.VIEWER, 200),
    Case("DELETE", "/images/{image}", Role.MAINTAINER, 204),
    Case("GET", "/images/{image}/contents", Role.VIEWER, 200),
    Case("GET", "/images/{image}/compare", Role.VIEWER, 400),
    Case("GET", "/images/{image}/compare/files", Role.VIEWER, 400),
    Case("GET", "/images/{image}/sboms", Role.VIEWER, 200),
    Case("GET", "/images/{image}/files", Role.VIEWER, 202),
    Case("GET", "/images/{image}/files/content", Role.VIEWER, 202),
    Case("GET", "/images/{image}/sboms/{sbom}", Role.VIEWER, 200),
    Case("GET", "/images/{image}/sboms/{sbom}/file", Role.VIEWER, 200),
    Case("POST", "/images/{image}/scan", Role.DEVELOPER, 409),
    Case("GET", "/images/{image}/vulnerabilities", Role.VIEWER, 200),
    Case("GET", "/retention", Role.VIEWER, 200),
    Case("POST", "/retention", Role.MAINTAINER, 201, {"keep_newest": 1}),
    Case("GET", "/retention/{retention}", Role.VIEWER, 200),
    Case("PATCH", "/retention/{retention}", Role.MAINTAINER, 200, {"keep_newest": 2}),
    Case("DELETE", "/retention/{retention}", Role.MAINTAINER, 204),
    Case("POST", "/retention/dry-run", Role.MAINTAINER, 200),
    Case("POST", "/retention/run", Role.MAINTAINER, 200),
    Case("GET", "/protected-tags", Role.VIEWER, 200),
    Case("POST", "/protected-tags", Role.MAINTAINER, 201, {"pattern": "*:v*"}),
    Case("GET", "/protected-tags/{protected}", Role.VIEWER, 200),
    Case("DELETE", "/protected-tags/{protected}", Role.MAINTAINER, 204),
    Case("GET", "/trash", Role.VIEWER, 200),
    Case("GET", "/trash/{trash}", Role.VIEWER, 200),
    Case("POST", "/trash/{trash}/restore", Role.MAINTAINER, 200),
    Case("DELETE", "/trash/{trash}", Role.MAINTAINER, 204),
    Case("GET", "/groups", Role.VIEWER, 200),
    Case("POST", "/groups", Role.MAINTAINER, 201, {"group": "dev", "role": "developer"}),
    Case("GET", "/groups/{group}", Role.VIEWER, 200),
    Case("PATCH", "/groups/{group}", Role.MAINTAINER, 200, {"role": "developer"}),
    Case("DELETE", "/groups/{group}", Role.MAINTAINER, 204),
    Case("GET", "/robots", Role.MAINTAINER, 200),
    Case("POST", "/robots", Role.MAINTAINER, 201, {"name": "ci", "access": "pull"}),
    Case("GET", "/robots/{robot}", Role.MAINTAINER, 200),
    Case("DELETE", "/robots/{robot}", Role.MAINTAINER, 204),
]


@pytest.fixture
def registry_obeys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Removing tags is another test's question."""
    monkeypatch.setattr(removal, "delete_tag", lambda **_: True)
    monkeypatch.setattr(removal, "repositories_of", lambda _: [])
    monkeypatch.setattr(trash, "delete_tag", lambda **_: True)
    monkeypatch.setattr(trash, "_named_now", lambda *_: DIGEST)
    monkeypatch.setattr(trash, "_put", lambda _name, trashed, **_: (ImageInfo(trashed.digest), ExitStack()))
    OneImage.answers(monkeypatch)


def clean_up_rows(project: Project) -> dict[str, object]:
    """A row of each kind that clean-up has, and one of a group."""
    now = timezone.now()
    return {
        "group": GroupRole.objects.create(project=project, group="all", role="viewer").pk,
        "retention": RetentionRule.objects.create(project=project, keep_newest=1).pk,
        "protected": ProtectedTag.objects.create(project=project, pattern="other:*").pk,
        "trash": TrashedTag.objects.create(
            project=project, repository="gone", tag="1", digest=DIGEST, set_at=now, expires_at=now
        ).pk,
    }


@dataclass(frozen=True)
class Stage:
    """A team, the keys of its rows by the names of routes' arguments, and what signs each caller in."""

    team: Team
    places: dict[str, object]
    headers: dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def stages(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, Stage]]:
    """One of each visibility, for all tests of this file."""
    with django_db_blocker.unblock(), undone():
        make_user("newcomer")
        second = Team.make("second").users["owner"]  # a second owner, so that the first may go
        yield {each: _stage(each, second) for each in Project.Visibility.values}


def _stage(visibility: str, second: User) -> Stage:
    team = Team.make(f"stage-{visibility}", visibility=visibility)
    team.project.memberships.create(user=second, role=Role.OWNER)
    places = {
        "member": team.member("viewer").pk,
        "owner": team.member("owner").pk,
        "image": team.image().pk,
        "robot": Robot.objects.create(project=team.project, name="bot", digest="0" * 64).pk,
        "sbom": SBOM,
        **clean_up_rows(team.project),
    }
    return Stage(team, places, {caller: team.bearer(caller) for caller in CALLERS})


@pytest.fixture(autouse=True)
def taken_back(stages: dict[str, Stage]) -> Iterator[None]:
    """What a test changes is as before for the next one."""
    with undone():
        yield


@pytest.mark.usefixtures("registry_obeys")
@pytest.mark.parametrize("visibility", ["private", "internal", "public"])
@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_call_takes_its_role(case: Case, caller: str, visibility: str, stages: dict[str, Stage]) -> None:
    stage = stages[visibility]
    answer = call(case.method, case.path(stage.team.project, stage.places), case.body, stage.headers[caller])
    read_to_its_end(answer)
    assert answer.status_code == expected(case, caller, visibility), (case, caller, visibility)
    if answer.status_code == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    if answer.status_code >= 400 and case.status < 400:
        assert answer.json().keys() == {"code", "detail"}


def test_the_table_has_every_route_of_a_project() -> None:
    kinds = (
        "",
        "member-",
        "image-",
        "repository-",
        "robot-",
        "group-",
        "retention-",
        "protected-tag-",
        "trash-",
    )
    names = {f"project-{kind}{verb}" for kind in kinds for verb in ("list", "detail")}
    names |= {"project-retention-dry-run", "project-retention-run", "project-trash-restore"}
    inside = ("contents", "compare", "compare-files", "sboms", "sbom", "sbom-file", "files", "file-content")
    names |= {f"project-image-{name}" for name in (*inside, "scan", "vulnerabilities")}
    named = {case.route.replace("{owner}", "{member}").replace("{sbom}", "{digest}") for case in CASES}
    assert routes(names) == named


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
def test_a_narrow_token_changes_nothing(case: Case, scope: str, stages: dict[str, Stage]) -> None:
    stage = stages[Project.Visibility.PRIVATE]
    answer = call(
        case.method,
        case.path(stage.team.project, stage.places),
        case.body,
        stage.team.bearer("superuser", scope=scope),
    )
    assert answer.status_code == 403
    assert answer.json()["code"] == "insufficient_scope"


@pytest.mark.parametrize("verb", ["PUT", "POST"])
def test_verbs_that_there_are_not_are_refused_as_such(verb: str) -> None:
    team = Team.make()
    answer = call(verb, f"/projects/{team.project.pk}", {}, team.bearer("owner"))
    assert answer.status_code == 405
    assert answer.json()["code"] == "method_not_allowed"
