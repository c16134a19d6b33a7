"""Who may do what with workloads, over the API."""

from __future__ import annotations

from typing import Any

import pytest

from projects.models import Project, Role
from tests.support.people import CALLERS, Team, call
from tests.support.roles import Case, expected
from workloads.models import Cluster, ClusterImage

pytestmark = pytest.mark.django_db
CLUSTER = "/clusters/{cluster}"
POD = {
    "kind": "Pod",
    "metadata": {},
    "spec": {"containers": [{"name": "a", "image": "redis:8"}]},
    "status": {},
}
CASES = [
    Case("POST", "/rewrite", Role.VIEWER, 200, {"text": "image: redis:7"}),
    Case("GET", "/client-config", Role.VIEWER, 200),
    Case("POST", "/client-config", Role.MAINTAINER, 201, {"name": "nodes"}),
    Case("GET", "/clusters", Role.VIEWER, 200),
    Case("POST", "/clusters", Role.MAINTAINER, 201, {"name": "another"}),
    Case("GET", CLUSTER, Role.VIEWER, 200),
    Case("DELETE", CLUSTER, Role.MAINTAINER, 204),
    Case("POST", f"{CLUSTER}/inventory", Role.DEVELOPER, 200, {"items": [POD]}),
    Case("GET", f"{CLUSTER}/images", Role.VIEWER, 200),
    Case("POST", f"{CLUSTER}/import", Role.DEVELOPER, 202),
]
#: What a token of the scope ``import`` may change.
IMPORTING = {"/rewrite", f"{CLUSTER}/inventory", f"{CLUSTER}/import"}


def rows(project: Project) -> dict[str, Any]:
    """One of each, by the names of the routes' arguments."""
    cluster = Cluster.objects.create(project=project, name="c1")
    ClusterImage.objects.create(cluster=cluster, image="redis:7", pods=1, namespaces=["web"])
    return {"cluster": cluster}


@pytest.mark.parametrize("visibility", ["private", "public"])
@pytest.mark.parametrize("caller", CALLERS)
def test_a_call_takes_its_role(caller: str, visibility: str) -> None:
    for number, case in enumerate(CASES):
        team = Team.make(f"team{number}", visibility=visibility)
        where = case.path(team.project, rows(team.project))
        answer = call(case.method, where, case.body, team.bearer(caller))
        assert answer.status_code == expected(case, caller, visibility), (str(case), answer.content)


@pytest.mark.parametrize("caller", ["viewer", "developer"])
def test_importing_what_is_missing_takes_a_developer(caller: str) -> None:
    team = Team.make()
    body = {"text": "image: redis:7", "import_missing": True}
    answer = call("POST", f"/projects/{team.project.pk}/rewrite", body, team.bearer(caller))
    assert answer.status_code == (200 if caller == "developer" else 403)


@pytest.mark.parametrize("case", [case for case in CASES if "{" in case.route], ids=str)
def test_another_projects_rows_are_not_there(case: Case) -> None:
    team, other = Team.make(), Team.make("other")
    where = case.path(team.project, rows(other.project))
    assert call(case.method, where, case.body, team.bearer("owner")).status_code == 404
    assert Cluster.objects.count() == 1


@pytest.mark.parametrize("scope", ["read", "import"])
def test_a_tokens_scope_bounds_what_its_user_may(scope: str) -> None:
    for number, case in enumerate(each for each in CASES if each.method != "GET"):
        team = Team.make(f"team{number}")
        where = case.path(team.project, rows(team.project))
        answer = call(case.method, where, case.body, team.bearer("owner", scope=scope))
        allowed = scope == "import" and case.route in IMPORTING
        assert answer.status_code == (case.status if allowed else 403), str(case)
