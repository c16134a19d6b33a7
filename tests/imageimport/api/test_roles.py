"""Every route of imports, every verb, everyone who may knock; and nobody at another project's rows."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.utils import timezone

from imageimport import restore
from imageimport.api import plan as plan_api
from imageimport.api import source_tags as source_tags_api
from imageimport.batches import from_bundle
from imageimport.bundles import receipts, uploads
from imageimport.bundles import services as bundles
from imageimport.bundles.composing import Composition
from imageimport.choices import Status
from imageimport.models import (
    ApprovalRequest,
    Bundle,
    BundleUpload,
    ImportTask,
    PolicyRule,
    Schedule,
    ScheduleRun,
    TagDigest,
    TrustAnchor,
    Webhook,
    WebhookDelivery,
)
from imageimport.submission.planning import Planned
from imageimport.submission.source_tags import Offered
from oci.copy.plan import ImportPlan
from projects.models import Image, Project, Role
from tests.support.factories import BatchFactory, CredentialFactory, TaskFactory
from tests.support.people import CALLERS, DIGEST, Team, call
from tests.support.roles import Case, expected, names_of_routes, routes
from tests.support.shared_rows import undone

CRON = {"image_url": "quay.io/a/b", "cron": "0 3 * * *"}
ACCOUNT = {"name": "hub", "registry": "docker.io", "username": "me", "password": "hunter22"}
SIGNER = {"name": "ci", "kind": "keyless", "issuer": "https://i.example.com", "identity": "a@example.com"}
TUS = {"Tus-Resumable": "1.0.0"}
HOOK = {"url": "https://hooks.example.com/"}


IMPORT, BATCHES = "/images/import", "/images/import/batches"
SCHEDULE, HOOK_ROUTE = "/schedules/{schedule}", "/webhooks/{webhook}"
CASES = [
    Case("GET", IMPORT, Role.VIEWER, 200),
    Case("POST", IMPORT, Role.DEVELOPER, 202, {"image_url": "nginx"}),
    Case("GET", f"{IMPORT}/{{task}}", Role.VIEWER, 200),
    Case("POST", f"{IMPORT}/{{task}}/cancel", Role.DEVELOPER, 202),
    Case("POST", f"{IMPORT}/{{task}}/now", Role.MAINTAINER, 202),
    Case("POST", f"{IMPORT}/{{requested}}/approve", Role.MAINTAINER, 202, {}),
    Case("POST", f"{IMPORT}/{{requested}}/reject", Role.MAINTAINER, 202, {"reason": "no"}),
    Case("POST", f"{IMPORT}/{{failed}}/retry", Role.DEVELOPER, 202, {}),
    Case("GET", "/source-tags", Role.DEVELOPER, 200, query="?image_url=nginx"),
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
    Case("POST", f"{HOOK_ROUTE}/test", Role.MAINTAINER, 202),
    Case("GET", f"{HOOK_ROUTE}/deliveries", Role.MAINTAINER, 200),
    Case("GET", f"{HOOK_ROUTE}/deliveries/{{delivery}}", Role.MAINTAINER, 200),
    Case("POST", f"{HOOK_ROUTE}/deliveries/{{delivery}}/redeliver", Role.MAINTAINER, 202),
    Case("GET", "/bundles", Role.VIEWER, 200),
    Case("POST", "/bundles", Role.VIEWER, 201, {"images": ["app:1"]}, members_only=True),
    Case("GET", "/bundles/{bundle}", Role.VIEWER, 200),
    Case("DELETE", "/bundles/{bundle}", Role.MAINTAINER, 204),
    Case("GET", "/bundles/{bundle}/volumes/1", Role.VIEWER, 200),
    Case("GET", "/receipt", Role.VIEWER, 200),
    Case("GET", "/usage", Role.VIEWER, 200),
    Case("GET", "/digest", Role.VIEWER, 200),
    Case("POST", "/digest", Role.VIEWER, 409, members_only=True),  # the tests' portal sends no mail
    Case("DELETE", "/digest", Role.VIEWER, 204),
    Case("GET", "/trust", Role.VIEWER, 200),
    Case("POST", "/trust", Role.MAINTAINER, 201, SIGNER),
    Case("GET", "/trust/{trust}", Role.VIEWER, 200),
    Case("DELETE", "/trust/{trust}", Role.MAINTAINER, 204),
    Case("GET", "/rules", Role.MAINTAINER, 200),
    Case("POST", "/rules", Role.MAINTAINER, 201, {"name": "R", "action": "refuse"}),
    Case("GET", "/rules/{rule}", Role.MAINTAINER, 200),
    Case("PATCH", "/rules/{rule}", Role.MAINTAINER, 200, {"enabled": False}),
    Case("DELETE", "/rules/{rule}", Role.MAINTAINER, 204),
    Case("POST", "/rules/check", Role.DEVELOPER, 200, {"image_url": "nginx"}),
    Case("POST", "/rules/dry-run", Role.MAINTAINER, 200, {"days": 30}),
    Case("POST", "/uploads", Role.DEVELOPER, 201, None, TUS | {"Upload-Length": "5"}),
    Case("HEAD", "/uploads/{upload}", Role.DEVELOPER, 200, None, TUS),
    Case("PATCH", "/uploads/{upload}", Role.DEVELOPER, 204, None, TUS | {"Upload-Offset": "0"}),
    Case("DELETE", "/uploads/{upload}", Role.DEVELOPER, 204, None, TUS),
    Case("POST", "/bundles/import", Role.DEVELOPER, 202, {"uploads": [str(uuid.uuid4())]}),
    Case("POST", "/bundles/import/plan", Role.DEVELOPER, 200, {"uploads": [str(uuid.uuid4())]}),
]
#: What a token of the scope ``import`` may change.
IMPORTING = {
    str(case)
    for case in CASES
    if case.route.startswith(IMPORT) and case.method == "POST" and "{requested}" not in case.route
}
IMPORTING |= {str(case) for case in CASES if case.route.startswith(("/bundles", "/uploads"))}


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
        "requested": request_of(project),
        "rule": PolicyRule.objects.create(
            project=project, name="R", action="allow", sources=["example.com/*"]
        ),
        "batch": batch,
        "image": Image.objects.create(project=project, repository="app", tag="1", digest=DIGEST, size=1),
        "schedule": schedule,
        "run": run,
        "credential": CredentialFactory(project=project, registry="ghcr.io", password=""),
        "bundle": Bundle.objects.create(
            project=project, name="b", volumes=[3584], size=3584, document='{"annotations":{}}'
        ),
        "webhook": hook,
        "trust": TrustAnchor.objects.create(
            project=project, name="release", kind="keyless", issuer="https://i.example.com", identity="a"
        ),
        "upload": BundleUpload.objects.create(
            project=project, file_name="a.tar", length=5, expires_at=timezone.now() + dt.timedelta(days=1)
        ),
        "delivery": WebhookDelivery.objects.create(webhook=hook, event="import.failed", payload={"id": "1"}),
    }


def request_of(project: Project) -> ImportTask:
    """An import that a worker has looked at and that waits for approval."""
    task = TaskFactory(project=project, status=Status.REQUESTED, source_digest=DIGEST)
    ApprovalRequest.objects.create(task=task, expires_at=timezone.now() + dt.timedelta(days=1))
    return task


@dataclass(frozen=True)
class Stage:
    """A team with one row of each, and what signs each caller in."""

    team: Team
    rows: dict[str, Any]
    headers: dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def stages(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, Stage]]:
    """One of each visibility, for all tests of this file."""
    with django_db_blocker.unblock(), undone():
        teams = {each: Team.make(f"stage-{each}", visibility=each) for each in Project.Visibility.values}
        yield {
            each: Stage(team, rows(team.project), {caller: team.bearer(caller) for caller in CALLERS})
            for each, team in teams.items()
        }


@pytest.fixture(autouse=True)
def taken_back(stages: dict[str, Stage]) -> Iterator[None]:
    """What a test changes is as before for the next one."""
    with undone():
        yield


@pytest.fixture(autouse=True)
def registries_obey(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the registries say is another test's question."""
    empty = Planned("s", "t", ImportPlan(DIGEST, "m", None, (), 0, 0, 0, None, ()), ())
    monkeypatch.setattr(plan_api, "make_plan", lambda **_: empty)
    monkeypatch.setattr(source_tags_api, "offered_tags", lambda **_: Offered(("1",)))
    nothing = Composition('{"annotations":{}}', [], [3584], [], [])
    monkeypatch.setattr(bundles, "compose", lambda *_, **__: nothing)
    monkeypatch.setattr(receipts, "held_digests", lambda _project: iter(()))
    monkeypatch.setattr(restore, "restore", lambda *, image, **_: image)
    monkeypatch.setattr(uploads, "receive", lambda *, upload, **_: upload)
    monkeypatch.setattr(from_bundle, "plan", lambda **_: from_bundle.FilePlan("a.tar", []))
    monkeypatch.setattr(from_bundle, "prepare", lambda *, project, **_: project)
    monkeypatch.setattr(from_bundle, "commit", lambda project, **_: BatchFactory(project=project))


@pytest.mark.parametrize("visibility", ["private", "internal", "public"])
@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_call_takes_its_role(case: Case, caller: str, visibility: str, stages: dict[str, Stage]) -> None:
    stage = stages[visibility]
    headers = stage.headers[caller] | case.headers
    answer = call(case.method, case.path(stage.team.project, stage.rows), case.body, headers)
    said = b"".join(answer.streaming_content) if answer.streaming else answer.content
    assert answer.status_code == expected(case, caller, visibility), said
    if answer.status_code >= 400 and case.method != "HEAD":
        assert answer.json().keys() == {"code", "detail"}


def test_the_table_has_every_route() -> None:
    tails = {tail.replace("/volumes/{number}", "/volumes/1") for tail in routes(names_of_routes("api-"))}
    assert tails == {re.sub("{failed}|{requested}", "{task}", case.route) for case in CASES}


@pytest.mark.parametrize("case", [case for case in CASES if "{" in case.route], ids=str)
def test_another_projects_rows_are_not_there(case: Case, stages: dict[str, Stage]) -> None:
    team = stages[Project.Visibility.PRIVATE].team
    theirs = stages[Project.Visibility.INTERNAL].rows
    before = ImportTask.objects.count()
    answer = call(
        case.method, case.path(team.project, theirs), case.body, team.bearer("owner") | case.headers
    )
    if "/runs" in case.route or "/deliveries" in case.route:
        # Lists below another project's row are empty rather than missing.
        assert answer.status_code == 404 or answer.json()["results"] == []
    else:
        assert answer.status_code == 404, answer.content
    for row in theirs.values():
        row.refresh_from_db()
    assert ImportTask.objects.count() == before


@pytest.mark.parametrize("scope", ["read", "import"])
@pytest.mark.parametrize("case", [case for case in CASES if case.method not in ("GET", "HEAD")], ids=str)
def test_a_tokens_scope_bounds_what_its_user_may(case: Case, scope: str, stages: dict[str, Stage]) -> None:
    stage = stages[Project.Visibility.PRIVATE]
    headers = stage.team.bearer("owner", scope=scope) | case.headers
    answer = call(case.method, case.path(stage.team.project, stage.rows), case.body, headers)
    allowed = scope == "import" and str(case) in IMPORTING
    assert answer.status_code == (case.status if allowed else 403), answer.content
