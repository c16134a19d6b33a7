"""Every route of imports, every verb, everyone who may knock; and nobody at another project's rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from django.urls import get_resolver

from imageimport import restore
from imageimport.api import plan as plan_api
from imageimport.choices import Status
from imageimport.models import ImportTask, Schedule, ScheduleRun, TagDigest, Webhook, WebhookDelivery
from imageimport.submission.planning import Planned
from projects.models import Image, Project, Role
from projects.permissions import RANK
from tests.support.factories import BatchFactory, CredentialFactory, TaskFactory
from tests.support.people import CALLERS, DIGEST, Team, call

pytestmark = pytest.mark.django_db
CRON = {"image_url": "quay.io/a/b", "cron": "0 3 * * *"}
ACCOUNT = {"name": "hub", "registry": "docker.io", "username": "me", "password": "hunter22"}
HOOK = {"url": "https://hooks.example.com/"}


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


IMPORT, BATCHES = "/images/import", "/images/import/batches"
SCHEDULE, HOOK_ROUTE = "/schedules/{schedule}", "/webhooks/{webhook}"
CASES = [
    Case("GET", IMPORT, Role.VIEWER, 200),
    Case("POST", IMPORT, Role.DEVELOPER, 202, {"image_url": "nginx"}),
    Case("GET", f"{IMPORT}/{{task}}", Role.VIEWER, 200),
    Case("POST", f"{IMPORT}/{{task}}/cancel", Role.DEVELOPER, 202),
    Case("POST", f"{IMPORT}/{{failed}}/retry", Role.DEVELOPER, 202, {}),
    Case("POST", f"{IMPORT}/plan", Role.DEVELOPER, 200, {"image_url": "nginx"}),
    Case("GET", BATCHES, Role.VIEWER, 200),
    Case("POST", BATCHES, Role.DEVELOPER, 202, {"images": ["nginx"]}),
    Case("POST", f"{BATCHES}/read", Role.DEVELOPER, 200, {"text": "nginx"}),
    Case("GET", f"{BATCHES}/{{batch}}", Role.VIEWER, 200),
    Case("GET", f"{BATCHES}/{{batch}}/results", Role.VIEWER, 200),
    Case("POST", f"{BATCHES}/{{batch}}/cancel", Role.DEVELOPER, 202),
    Case("POST", f"{BATCHES}/{{batch}}/retry", Role.DEVELOPER, 202, {}),
    Case("GET", "/images/{image}/digests", Role.VIEWER, 200),
    Case("POST", "/images/{image}/restore", Role.MAINTAINER, 200, {"digest": DIGEST}),
    Case("GET", "/schedules", Role.VIEWER, 200),
    Case("POST", "/schedules", Role.MAINTAINER, 201, CRON),
    Case("GET", SCHEDULE, Role.VIEWER, 200),
    Case("PATCH", SCHEDULE, Role.MAINTAINER, 200, {"enabled": False}),
    Case("DELETE", SCHEDULE, Role.MAINTAINER, 204),
    Case("POST", f"{SCHEDULE}/run", Role.MAINTAINER, 202),
    Case("GET", f"{SCHEDULE}/runs", Role.VIEWER, 200),
    Case("GET", f"{SCHEDULE}/runs/{{run}}", Role.VIEWER, 200),
    Case("GET", "/credentials", Role.DEVELOPER, 200),
    Case("POST", "/credentials", Role.MAINTAINER, 201, ACCOUNT),
    Case("GET", "/credentials/{credential}", Role.DEVELOPER, 200),
    Case("PATCH", "/credentials/{credential}", Role.MAINTAINER, 200, {"username": "you"}),
    Case("DELETE", "/credentials/{credential}", Role.MAINTAINER, 204),
    Case("POST", "/credentials/{credential}/test", Role.MAINTAINER, 200),
    Case("GET", "/webhooks", Role.MAINTAINER, 200),
    Case("POST", "/webhooks", Role.MAINTAINER, 201, HOOK),
    Case("GET", HOOK_ROUTE, Role.MAINTAINER, 200),
    Case("PATCH", HOOK_ROUTE, Role.MAINTAINER, 200, {"enabled": False}),
    Case("DELETE", HOOK_ROUTE, Role.MAINTAINER, 204),
    Case("GET", f"{HOOK_ROUTE}/deliveries", Role.MAINTAINER, 200),
    Case("GET", f"{HOOK_ROUTE}/deliveries/{{delivery}}", Role.MAINTAINER, 200),
    Case("POST", f"{HOOK_ROUTE}/deliveries/{{delivery}}/redeliver", Role.MAINTAINER, 202),
    Case("GET", "/usage", Role.VIEWER, 200),
]
#: What a token of the scope ``import`` may change.
IMPORTING = {str(case) for case in CASES if case.route.startswith(IMPORT) and case.method == "POST"}


def rows(project: Project) -> dict[str, Any]:
    """One of each, by the names of the routes' arguments."""
    schedule = Schedule.objects.create(project=project, image_url="quay.io/a/b", cron="0 3 * * *")
    run = ScheduleRun.objects.create(schedule=schedule, ended_at="2026-01-01T00:00:00Z")
    hook = Webhook.objects.create(project=project, url="https://hooks.example.com/", events=["import.failed"])
    batch = BatchFactory(project=project)
    TaskFactory(project=project, batch=batch, batch_index=0, status=Status.FAILED)
    TaskFactory(project=project, batch=batch, batch_index=1)
    TagDigest.objects.create(project=project, repository="app", tag="1", digest=DIGEST)
    return {
        "task": TaskFactory(project=project),
        "failed": TaskFactory(project=project, status=Status.FAILED),
        "batch": batch,
        "image": Image.objects.create(project=project, repository="app", tag="1", digest=DIGEST, size=1),
        "schedule": schedule,
        "run": run,
        "credential": CredentialFactory(project=project, registry="ghcr.io", password=""),
        "webhook": hook,
        "delivery": WebhookDelivery.objects.create(webhook=hook, event="import.failed", payload={"id": "1"}),
    }


def path(case: Case, project: Project, of: dict[str, Any]) -> str:
    return f"/projects/{project.pk}" + case.route.format(**{name: row.pk for name, row in of.items()})


def expected(case: Case, caller: str, visibility: str) -> int:
    """What the contract says."""
    if caller == "anonymous":
        return 401
    role = Role.OWNER if caller == "superuser" else None if caller == "stranger" else Role(caller)
    if role is None and visibility == Project.Visibility.PRIVATE:
        return 404
    return case.status if RANK[role or Role.VIEWER] >= RANK[case.role] else 403


@pytest.fixture(autouse=True)
def registries_obey(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the registries say is another test's question."""
    empty = Planned("s", DIGEST, "m", "t", None, (), 0, 0, 0, 0, None, ())
    monkeypatch.setattr(plan_api, "make_plan", lambda **_: empty)
    monkeypatch.setattr(restore, "restore", lambda *, image, **_: image)


@pytest.mark.parametrize("visibility", ["private", "internal", "public"])
@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_call_takes_its_role(case: Case, caller: str, visibility: str) -> None:
    team = Team.make(visibility=visibility)
    answer = call(case.method, path(case, team.project, rows(team.project)), case.body, team.bearer(caller))
    assert answer.status_code == expected(case, caller, visibility), answer.content
    if answer.status_code >= 400:
        assert answer.json().keys() == {"code", "detail"}


def test_the_table_has_every_route() -> None:
    names = {
        "task_id": "task",
        "batch_id": "batch",
        "image_id": "image",
        "schedule_id": "schedule",
        "run_id": "run",
    }
    names |= {"credential_id": "credential", "webhook_id": "webhook", "delivery_id": "delivery"}
    found = set()
    for name, routes in get_resolver().reverse_dict.lists():
        if isinstance(name, str) and name.startswith("api-"):
            found |= {route for possibilities, *_ in routes for route, _arguments in possibilities}
    tails = {route.partition("%(project_id)s")[2] for route in found if "%(project_id)s" in route}
    for argument, short in names.items():
        tails = {tail.replace(f"%({argument})s", f"{{{short}}}") for tail in tails}
    assert tails == {case.route.replace("{failed}", "{task}") for case in CASES}


@pytest.mark.parametrize("case", [case for case in CASES if "{" in case.route], ids=str)
def test_another_projects_rows_are_not_there(case: Case) -> None:
    team, other = Team.make(), Team.make("other")
    theirs = rows(other.project)
    before = ImportTask.objects.count()
    answer = call(case.method, path(case, team.project, theirs), case.body, team.bearer("owner"))
    if "/runs" in case.route or "/deliveries" in case.route:
        # Lists below another project's row are empty rather than missing.
        assert answer.status_code == 404 or answer.json()["results"] == []
    else:
        assert answer.status_code == 404, answer.content
    for row in theirs.values():
        row.refresh_from_db()
    assert ImportTask.objects.count() == before


@pytest.mark.parametrize("scope", ["read", "import"])
@pytest.mark.parametrize("case", [case for case in CASES if case.method != "GET"], ids=str)
def test_a_tokens_scope_bounds_what_its_user_may(case: Case, scope: str) -> None:
    team = Team.make()
    headers = team.bearer("owner", scope=scope)
    answer = call(case.method, path(case, team.project, rows(team.project)), case.body, headers)
    allowed = scope == "import" and str(case) in IMPORTING
    assert answer.status_code == (case.status if allowed else 403), answer.content
