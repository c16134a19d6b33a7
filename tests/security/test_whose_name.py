"""Whose name is in the audit log: for each change over the API, on the pages and in the admin, its sender's.

No service is told who acts, and nothing else depends on it, so no other test would notice a wrong name. Each case is
sent by two people, from two addresses.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.caller import acting_as, calling_from
from imageimport import restore
from imageimport.api import plan as plan_api
from imageimport.batches import from_bundle
from imageimport.bundles import services as bundles
from imageimport.bundles import uploads
from imageimport.bundles.composing import Composition
from imageimport.credentials import services as credentials
from imageimport.models import PolicyRule, SourceRule, TrustAnchor
from imageimport.submission.requests import ImportRequest
from oci.copy.image_info import ImageInfo
from oci.errors import OciError
from oci.spec.media_types import OCI_MANIFEST
from projects.models import AuditEvent, Project, Robot, Role, Scanner
from projects.registry import removal
from projects.retention import trash
from tests.imageimport.api import test_roles as import_roles
from tests.projects.api import test_roles as project_roles
from tests.support.audited import BY_API, OF_EVERYONE, OF_THE_INSTALLATION, PAGES, REQUEST, Sent
from tests.support.people import DIGEST, Team, make_user, read_to_its_end
from tests.support.roles import Case
from tests.support.shared_rows import undone
from tests.workloads.api import test_roles as workload_roles

ROOT: Final = Path(__file__).parents[2]
ADDRESSES: Final = {"owner": "203.0.113.5", "superuser": "198.51.100.9"}
#: What changes something, and the one way of reading that is written down.
CASES: Final = [
    case
    for case in (*project_roles.CASES, *import_roles.CASES, *workload_roles.CASES)
    if case.method not in ("GET", "HEAD") or str(case) in BY_API
]
#: What takes a request beside pages, the API and the admin.
TAKES: Final = {
    "accounts/caller.py", "accounts/middleware.py", "accounts/preferences.py", "accounts/sign_in/adapters.py",
    "accounts/sign_in/authentication.py", "imageimport/filters.py", "imageimport/first_pull/held.py",
    "projects/registry/notifications.py",
}  # fmt: skip
#: What no one sends by these ways: tests/imageimport/behaviour/test_on_behalf.py.
ELSEWHERE: Final = {
    "bundle.exported", "collection.ended", "registry.granted", "registry.sign_in_failed", "registry.signed_in",
    "request.expired", "tag.restored", "trash.expired",
}  # fmt: skip


@dataclass(frozen=True)
class Stage:
    """A project whose rows are someone else's, by the names of routes' arguments, and what signs each sender in."""

    team: Team
    rows: dict[str, Any]
    headers: dict[str, dict[str, str]]

    @property
    def keys(self) -> dict[str, Any]:
        return {name: getattr(row, "pk", row) for name, row in self.rows.items()}


@pytest.fixture(scope="module")
def stage(django_db_setup: None, django_db_blocker: Any) -> Iterator[Stage]:
    """For all tests of this file."""
    with django_db_blocker.unblock(), undone():
        make_user("newcomer")
        team, other = Team.make("stage"), Team.make("second")
        project = team.project
        for user in (other.users["owner"], team.users["superuser"]):
            project.memberships.create(user=user, role=Role.OWNER)
        for sender in ADDRESSES:
            other.project.memberships.update_or_create(user=team.users[sender], defaults={"role": Role.OWNER})
        rows = import_roles.rows(project) | workload_roles.rows(project) | _more(team, other.project)
        _given_to(other.users["viewer"], rows)
        # Clean-up takes the older of the two.
        team.image("app", "2", digest="sha256:" + "b" * 64, media_type=OCI_MANIFEST)
        rows["image"].media_type, rows["image"].source_image = OCI_MANIFEST, "docker.io/library/nginx:1"
        rows["image"].save()
        yield Stage(team, rows, {sender: team.bearer(sender) for sender in ADDRESSES})


def _more(team: Team, empty: Project) -> dict[str, Any]:
    """Rows that no other table has."""
    project = team.project
    return {
        "member": team.member("viewer"),
        "owner": team.member("owner"),
        "empty": empty,
        "robot": Robot.objects.create(project=project, name="bot", digest="0" * 64),
        "sbom": DIGEST,
        **project_roles.clean_up_rows(project),
        "last": PolicyRule.objects.create(project=project, name="L", action="allow", position=9, sources=["x/*"]),
        "first_of_all": PolicyRule.objects.create(name="F", action="allow", position=1, sources=["x/*"]),
        "last_of_all": PolicyRule.objects.create(name="L", action="allow", position=2, sources=["x/*"]),
        "everywhere": TrustAnchor.objects.create(
            name="everywhere", kind="keyless", issuer="https://i.example.com", identity="a"
        ),
        "source": SourceRule.objects.create(pattern="old.example"),
        "scanner": Scanner.objects.create(name="S", url="http://10.0.0.1"),
    }  # fmt: skip


def _given_to(someone: User, rows: dict[str, Any]) -> None:
    """Let rows be someone's who sends nothing here."""
    for row in rows.values():
        for name in ("created_by", "requested_by", "removed_by"):
            if hasattr(row, name):
                setattr(row, name, someone)
                row.save()


@pytest.fixture(autouse=True)
def taken_back(stage: Stage) -> Iterator[None]:
    """What a test changes is as before for the next one."""
    with undone():
        yield


@pytest.fixture(autouse=True)
def someone_was_here_before() -> Iterator[None]:
    """As if a request or a task before had left who it was for."""
    with calling_from("192.0.2.66"), acting_as(None, "who was before"):
        yield


@pytest.fixture(autouse=True)
def registries_obey(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> None:
    """What the registries say is another test's question."""
    settings.REGISTRY_STORAGE, settings.REGISTRY_AUTH = str(tmp_path), "token"
    monkeypatch.setattr(removal, "delete_tag", lambda **_: True)
    monkeypatch.setattr(removal, "repositories_of", lambda _: [])
    monkeypatch.setattr(trash, "delete_tag", lambda **_: True)
    monkeypatch.setattr(trash, "_named_now", lambda _there, _tag, expected: expected)
    monkeypatch.setattr(trash, "_put", lambda _name, trashed, **_: (ImageInfo(trashed.digest), ExitStack()))
    monkeypatch.setattr(restore, "judge_return", lambda *_, **__: None)
    monkeypatch.setattr(restore, "_put", lambda *_: (ImageInfo(DIGEST), ExitStack()))
    monkeypatch.setattr(plan_api, "make_plan", _away)
    monkeypatch.setattr(credentials, "check_sign_in", lambda **_: credentials.Tested(True))
    monkeypatch.setattr(from_bundle, "plan", lambda **_: from_bundle.FilePlan("a.tar", []))
    nothing = Composition('{"annotations":{}}', [], [3584], [], [])
    monkeypatch.setattr(bundles, "compose", lambda *_, **__: nothing)
    monkeypatch.setattr(uploads, "receive", _receive)
    monkeypatch.setattr(from_bundle, "prepare", _ready)


def _away(**_: Any) -> Any:
    raise OciError("unreachable", "%(host)s", host="x")


def _receive(*, upload: Any, **_: Any) -> Any:
    upload.offset = 2048
    return upload


def _ready(*, project: Project, **_: Any) -> from_bundle.Ready:
    return from_bundle.Ready(project, [], "a.tar", [ImportRequest(image_url="nginx")])


def named(stage: Stage, sender: str) -> set[str]:
    """What is in the audit log, all of which has to be the sender's."""
    user = stage.team.users[sender]
    events = list(AuditEvent.objects.all())
    found = {(event.action, event.actor, event.actor_name, event.address) for event in events}
    actions = {event.action for event in events}
    assert found == {(action, user, user.get_username(), ADDRESSES[sender]) for action in actions}
    return actions


@pytest.mark.parametrize("sender", ADDRESSES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_is_changed_over_the_api_is_in_its_senders_name(case: Case, sender: str, stage: Stage) -> None:
    """With someone else's session in a cookie: the token counts."""
    client = Client(REMOTE_ADDR=ADDRESSES[sender])
    client.force_login(stage.team.users["maintainer"], "django.contrib.auth.backends.ModelBackend")
    send: Any = getattr(client, case.method.lower())
    options = {} if case.body is None else {"data": case.body, "content_type": "application/json"}
    path = f"/api/v1{case.path(stage.team.project, stage.rows)}"
    answer = send(path, headers=stage.headers[sender] | case.headers, **options)
    read_to_its_end(answer)
    assert named(stage, sender) == BY_API.get(str(case), set()), getattr(answer, "content", b"")


@pytest.mark.parametrize("sender", ADDRESSES)
@pytest.mark.parametrize("sent", [*PAGES, *OF_EVERYONE], ids=str)
def test_what_is_changed_on_a_page_is_in_its_senders_name(sent: Sent, sender: str, stage: Stage) -> None:
    assert sent.written in _sent(sent, sender, stage)


@pytest.mark.parametrize("sender", ADDRESSES)
def test_what_waits_for_approval_is_in_its_senders_name(sender: str, stage: Stage) -> None:
    Project.objects.update(default_action="approve")
    assert _sent(REQUEST, sender, stage) == {REQUEST.written}


@pytest.mark.parametrize("sent", OF_THE_INSTALLATION, ids=str)
def test_what_is_changed_of_the_installation_is_in_its_senders_name(sent: Sent, stage: Stage) -> None:
    assert sent.written in _sent(sent, "superuser", stage)


def _sent(sent: Sent, sender: str, stage: Stage) -> set[str]:
    client = Client(REMOTE_ADDR=ADDRESSES[sender])
    client.force_login(stage.team.users[sender], "django.contrib.auth.backends.ModelBackend")
    keys = stage.keys
    places = {name: keys[row] for name, row in sent.places.items()}
    path = reverse(
        sent.name, kwargs=places | ({"name": stage.team.project.name} if sent in (*PAGES, REQUEST) else {})
    )
    data = {name: _value(value, keys) for name, value in sent.data.items()}
    is_api = path.startswith("/api/")
    send: Any = getattr(client, sent.method.lower())
    answer = send(path, data, **({"content_type": "application/json"} if is_api else {}))
    return named(stage, sender) or {f"{answer.status_code} {answer.content.decode()[-3000:]}"}


def _value(value: Any, keys: dict[str, Any]) -> Any:
    """Bytes are a file; the name of a row, in a form, its key."""
    if isinstance(value, bytes):
        return SimpleUploadedFile("a.tar", value)
    return keys.get(value, value) if isinstance(value, str) else value


def test_the_tables_have_every_action_that_the_code_writes() -> None:
    """An action that is new is in no table, and nothing says yet that its name is right."""
    sent = [*PAGES, *OF_EVERYONE, *OF_THE_INSTALLATION, REQUEST]
    tested = set().union(*BY_API.values(), {each.written for each in sent})
    written = set()
    for app in ("accounts", "projects", "imageimport", "workloads", "registry_portal"):
        for path in (ROOT / app).rglob("*.py"):
            written |= _written(ast.parse(path.read_text("utf-8")))
    assert written == tested | ELSEWHERE
    assert not tested & ELSEWHERE
    assert BY_API.keys() <= {str(case) for case in CASES}


def test_no_service_takes_a_request_and_none_decides_anything_by_who_acts() -> None:
    """Views do, and what reads a request before them. Who acts is asked for the audit log, and once of it."""
    takes, asks = set(), set()
    for app in ("accounts", "projects", "imageimport", "workloads"):
        for path in (ROOT / app).rglob("*.py"):
            where = path.relative_to(ROOT).as_posix()
            names = _imported(ast.parse(path.read_text("utf-8")))
            if names & {"django.http.HttpRequest", "rest_framework.request.Request"}:
                takes.add(where)
            if "accounts.caller.current_actor" in names:
                asks.add(where)
    assert {
        each for each in takes if not {"views", "api", "admin"} & {*Path(each).with_suffix("").parts}
    } == TAKES
    assert asks == {"projects/audit.py", "imageimport/bundles/services.py"}


def _imported(module: ast.Module) -> set[str]:
    """What a module imports from others, with the names of both."""
    return {
        f"{node.module}.{each.name}"
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom)
        for each in node.names
    }


def _written(module: ast.Module) -> set[str]:
    """Actions that a module names where it writes to the audit log."""
    calls = [
        node
        for node in ast.walk(module)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("audit.record", "audit.record_event")
    ]
    actions = [
        *(call.args[0] for call in calls if call.args),
        *(keyword.value for call in calls for keyword in call.keywords if keyword.arg == "action"),
    ]
    return {
        str(each.value) for action in actions for each in ast.walk(action) if isinstance(each, ast.Constant)
    }
