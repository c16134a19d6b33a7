"""Every address of the site, every verb, everyone who may knock: generated from the URL configuration.

A new address that is in no table here makes a test fail, and is attacked as nobody and as a stranger all the same.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, cast

import pytest
from django.apps import apps
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from rest_framework.views import APIView

from accounts.models import ApiToken
from accounts.sign_in.tokens import create_token
from imageimport import restore
from imageimport.bundles import receipts
from imageimport.bundles import services as bundles
from imageimport.credentials import services as credentials
from imageimport.models import ImportTask, SourceRule
from imageimport.submission import planning, source_tags
from oci.copy.image_info import ImageInfo
from oci.errors import OciError
from projects.groups.roles import RANK
from projects.models import Collection, Project, Robot, Role, SavedFilter, Scanner
from projects.registry import removal
from projects.retention import trash
from tests.imageimport.api import test_roles as import_roles
from tests.projects.api import test_roles as project_roles
from tests.support.addresses import Address, addresses
from tests.support.content.inside import SBOM, OneImage
from tests.support.people import CALLERS, DIGEST, Team, bearer, read_to_its_end
from tests.support.shared_rows import undone
from tests.workloads.api import test_roles as workload_roles

pytestmark = pytest.mark.django_db

#: What answers people who are not signed in, and why that is right.
OPEN = {
    "api/schema": "describes the API, which is public",
    "api/docs": "shows that description",
    "service/token": "signs in by itself; nobody gets what is public",
    "service/registry-events": "takes the registry's own token",
    "service/first-pull/<str:ask>/v2/<path:name>/manifests/<str:reference>": "takes tokens of the registry",
    "accounts/login/": "the sign-in page",
    "accounts/logout/": "ends whatever session there is",
    "accounts/inactive/": "says that an account is switched off",
    "accounts/2fa/authenticate/": "second step of signing in; leads back to the first without it",
    "preferences/language/": "a cookie of one's own",
    "preferences/theme/": "a cookie of one's own",
    "preferences/pull-client/": "a cookie of one's own",
    "digest/<str:token>/": "takes the signature of a mail's own link, and ends those mails",
    "healthz": "says that the process lives",
    "readyz": "says which services answer",
    "metrics": "loopback or a token; see its own tests",
}
#: What a signed-in person has for himself, in no project.
PERSONAL = {
    *("api/v1", "api/v1/auth/tokens", "api/v1/auth/tokens/<uuid:pk>", "api/v1/projects"),
    *("accounts/", "accounts/tokens/", "accounts/tokens/<uuid:token_id>/revoke/", "accounts/password/"),
    *("", "running/", "import/", "projects/", "search/", "keys/", "api/v1/search"),
    *("accounts/reauthenticate/", "new-project/", "accounts/2fa/", "accounts/2fa/reauthenticate/"),
    *("accounts/2fa/totp/activate/", "accounts/2fa/totp/deactivate/", "accounts/2fa/recovery-codes/"),
    *("accounts/2fa/recovery-codes/generate/", "accounts/2fa/recovery-codes/download/"),
}
#: What belongs to the whole installation: for superusers.
OPERATORS = {
    "status/",
    *("api/v1/sources", "api/v1/sources/<uuid:source_id>", "api/v1/sources/<uuid:source_id>/test"),
    *("sources/", "sources/new/", "sources/<uuid:source_id>/edit/", "sources/<uuid:source_id>/delete/"),
    "sources/<uuid:source_id>/test/",
    *("api/v1/trust", "api/v1/trust/<uuid:trust_id>"),
    *("api/v1/scanners", "api/v1/scanners/<uuid:scanner_id>"),
    *("scanners/", "scanners/new/", "scanners/<uuid:scanner_id>/edit/", "scanners/<uuid:scanner_id>/delete/"),
    *("trust/", "trust/new/", "trust/<uuid:trust_id>/delete/"),
    *("maintenance/", "maintenance/collect/"),
    *("api/v1/maintenance/collect", "api/v1/maintenance/collect/<uuid:collection_id>"),
    *("api/v1/rules", "api/v1/rules/<uuid:rule_id>", "api/v1/rules/dry-run"),
    *("rules/", "rules/new/", "rules/<uuid:rule_id>/edit/", "rules/<uuid:rule_id>/delete/"),
    "rules/<uuid:rule_id>/move/",
}
#: Views that look at no session and so need no CSRF token; the API asks for one itself where a session signs in.
NO_CSRF = {
    *("service/token", "service/registry-events"),
    "service/first-pull/<str:ask>/v2/<path:name>/manifests/<str:reference>",
    # Mail programs post to it; its signature is what counts.
    "digest/<str:token>/",
    # Leads an API address with a slash at its end to the one without, and does nothing else.
    "^api(?:/(?:.*/)?)?$",
    # Asks for one inside, once it is said where the form's files go: tests/pages/imports/test_import_files.py.
    "projects/<str:name>/import/files/",
}

_V, _D, _M, _O = Role.VIEWER, Role.DEVELOPER, Role.MAINTAINER, Role.OWNER
#: The least role of each page of a project.
PAGES = {
    **dict.fromkeys(
        ("project", "images", "image", "imports", "imports-live", "import-detail", "import-live"), _V
    ),
    **dict.fromkeys(("images-bulk", "filter-save", "filter-delete"), _V),
    **dict.fromkeys(("imports-bulk",), _D),
    **dict.fromkeys(("requests", "batches", "batch", "schedules", "schedule", "settings"), _V),
    **dict.fromkeys(("bundles", "bundle", "bundle-new", "digest"), _V),
    **dict.fromkeys(
        (
            "image-contents",
            "image-compare",
            "image-compare-files",
            "image-sboms",
            "image-sbom-file",
            "image-files",
            "image-file",
        ),
        _V,
    ),
    "image-vulnerabilities": _V,
    "image-scan": _D,
    "bundle-delete": _M,
    **dict.fromkeys(
        (
            "import-new",
            "import-reading",
            "import-reading-many",
            "import-plan",
            "import-tags",
            "import-offers",
            "import-look",
            "import-sign-in",
            "import-cancel",
        ),
        _D,
    ),
    **dict.fromkeys(("import-retry", "import-dismiss", "imports-dismiss", "batch-cancel", "batch-retry"), _D),
    **dict.fromkeys(("import-files", "import-files-plan", "import-files-start", "upload-delete"), _D),
    **dict.fromkeys(("schedule-add", "schedule-edit", "schedule-run", "schedule-delete"), _M),
    **dict.fromkeys(
        ("image-delete", "image-restore", "audit", "member-add", "member-change", "member-remove"), _M
    ),
    **dict.fromkeys(("group-add", "group-remove"), _M),
    **dict.fromkeys(("credential-add", "credential-edit", "credential-test", "credential-delete"), _M),
    **dict.fromkeys(
        ("webhook-add", "webhook", "webhook-edit", "webhook-delete", "webhook-redeliver", "webhook-test"), _M
    ),
    **dict.fromkeys(("trust-add", "trust-delete"), _M),
    **dict.fromkeys(("rules", "rule-add", "rule-edit", "rule-move", "rule-delete", "project-policy"), _M),
    **dict.fromkeys(("import-approve", "import-reject"), _M),
    **dict.fromkeys(("robot-add", "robot-remove", "project-limits", "project-first-pull", "import-now"), _M),
    **dict.fromkeys(("workloads", "rewrite", "client-config", "cluster", "repositories"), _V),
    **dict.fromkeys(("cluster-inventory", "cluster-import"), _D),
    **dict.fromkeys(("cluster-add", "cluster-remove", "full-names"), _M),
    **dict.fromkeys(("trash", "usage"), _V),
    **dict.fromkeys(("trash-empty", "trash-restore", "trash-let-go"), _M),
    **dict.fromkeys(("clean-up", "clean-up-dry-run", "clean-up-run", "clean-up-clock"), _M),
    **dict.fromkeys(("clean-up-rule-add", "clean-up-rule-edit", "clean-up-rule-delete"), _M),
    **dict.fromkeys(("clean-up-protect", "clean-up-unprotect"), _M),
    **dict.fromkeys(("project-edit", "project-delete"), _O),
}
#: What everyone may read of an open project, they may not make there.
MEMBERS = {"bundle-new", "digest"}
ALL = addresses()
OF_PROJECTS = [address for address in ALL if address.is_of_a_project]
#: Written when somebody only looks.
_OWN_ROWS = ("django_session", "accounts_profile")
PAGES_OF_PROJECTS = [address for address in OF_PROJECTS if not address.is_api]
ADMIN = [address for address in ALL if address.is_admin]


@pytest.fixture(autouse=True)
def nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """What registries would say is another test's question."""
    monkeypatch.setattr(removal, "delete_tag", lambda **_: True)
    monkeypatch.setattr(removal, "repositories_of", lambda _: [])
    monkeypatch.setattr(trash, "delete_tag", lambda **_: True)
    monkeypatch.setattr(trash, "_named_now", lambda *_: DIGEST)
    monkeypatch.setattr(trash, "_put", lambda _name, trashed, **_: (ImageInfo(trashed.digest), ExitStack()))
    monkeypatch.setattr(credentials, "check_sign_in", lambda **_: credentials.Tested(True))
    monkeypatch.setattr(restore, "restore", lambda *, image, **_: image)

    def away(*_: Any, **__: Any) -> Any:
        raise OciError("unreachable", "%(host)s", host="x")

    monkeypatch.setattr(bundles, "compose", away)
    monkeypatch.setattr(receipts, "held_digests", lambda _project: iter(()))
    monkeypatch.setattr(planning, "make_plan", away)
    monkeypatch.setattr(source_tags, "nearest_tags", away)
    monkeypatch.setattr(source_tags, "offered_tags", away)
    OneImage.answers(monkeypatch)


def values_of(team: Team) -> dict[str, object]:
    """Something of the team's for every argument of every address."""
    rows = import_roles.rows(team.project) | workload_roles.rows(team.project)
    robot = Robot.objects.create(project=team.project, name="bot", digest="0" * 64)
    token = ApiToken.objects.create(user=team.users["owner"], prefix=uuid.uuid4().hex[:14], digest="0" * 64)
    return {
        "project_id": team.project.pk,
        "name": team.project.name,
        "number": 1,
        "ask": "missing",
        "reference": "1",
        "digest": SBOM,
        "token": "forged",
        "member_id": team.member("viewer").pk,
        "robot_id": robot.pk,
        "pk": token.pk,
        "token_id": token.pk,
        "source_id": SourceRule.objects.create(pattern=f"{uuid.uuid4().hex}.example").pk,
        "scanner_id": Scanner.objects.create(name=uuid.uuid4().hex, url="http://10.0.0.1").pk,
        "filter_id": SavedFilter.objects.create(
            project=team.project, user=team.users["owner"], list="images", name="F", query="search=a"
        ).pk,
        "collection_id": Collection.objects.create(state=Collection.State.DONE).pk,
        **{f"{name}_id": row for name, row in project_roles.clean_up_rows(team.project).items()},
        **{f"{name}_id": row.pk for name, row in rows.items()},
    }


def counted() -> dict[str, int]:
    """How many rows every table of ours has."""
    ours = ("accounts", "projects", "imageimport", "workloads", "auth", "mfa")
    models = [model for label in ours for model in apps.get_app_config(label).get_models()]
    return {model._meta.label: model._default_manager.count() for model in models}


@contextmanager
def writes() -> Iterator[list[str]]:
    """Statements of the block that change rows, a session's and a person's own preferences aside."""
    found: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(("INSERT", "UPDATE", "DELETE")) and not any(
            table in sql[:60] for table in _OWN_ROWS
        ):
            found.append(sql[:100])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield found


def knock(client: Client, verb: str, path: str, headers: dict[str, str] | None = None) -> HttpResponse:
    kind = "application/json" if path.startswith("/api/") else "application/x-www-form-urlencoded"
    body = b"{}" if kind.endswith("json") else b""
    answer: Any = client.generic(verb, path, body, content_type=kind, headers=headers or {})
    read_to_its_end(answer)
    return cast(HttpResponse, answer)


def leads_to_sign_in(answer: HttpResponse) -> bool:
    return answer.status_code == 302 and answer["Location"].partition("?")[0] == "/accounts/login/"


def test_every_address_has_its_place_in_a_table() -> None:
    assert not [str(a) for a in PAGES_OF_PROJECTS if a.name not in PAGES]
    rest = {a.route for a in ALL if not (a.is_of_a_project or a.is_admin or a.is_pattern)}
    assert rest == set(OPEN) | PERSONAL | OPERATORS
    assert {a.name for a in PAGES_OF_PROJECTS} == set(PAGES)


def test_every_verb_of_the_api_is_in_the_tables_of_roles() -> None:
    cases: list[Any] = [*import_roles.CASES, *project_roles.CASES, *workload_roles.CASES]
    tested = {(case.method, re.sub(r"\{\w+\}|(?<=/volumes/)1", "{}", case.route)) for case in cases}
    tested |= {("GET", "/audit")}  # tests/projects/api/test_audit.py
    tested |= {("OPTIONS", "/uploads"), ("OPTIONS", "/uploads/{}")}  # tests/imageimport/api/test_uploads.py
    found = {
        (verb, re.sub(r"<\w+:\w+>", "{}", address.route.partition("<uuid:project_id>")[2]))
        for address in OF_PROJECTS
        if address.is_api
        for verb in address.verbs
    }
    assert found == tested


def test_only_named_views_need_no_csrf_token() -> None:
    exempt = {
        address.route
        for address in ALL
        if address.csrf_exempt and not issubclass(getattr(address.view, "cls", type(None)), APIView)
    }
    assert exempt == NO_CSRF


def test_nobody_gets_anything_that_is_not_open() -> None:
    team = Team.make(visibility=Project.Visibility.PUBLIC)
    values = values_of(team)
    before = counted()
    client = Client()
    for address in ALL:
        if address.route in OPEN or address.is_admin or address.is_pattern:
            continue
        for verb in sorted(address.tried):
            answer = knock(client, verb, address.path(values))
            # Signing in is what the one address is for; it says what fields it takes.
            signs_in = (verb, address.name) == ("POST", "api-token-list") and answer.status_code == 400
            refused = answer.status_code in (401, 405) or leads_to_sign_in(answer)
            assert refused or signs_in, (verb, str(address), answer.status_code)
    assert counted() == before


def test_a_stranger_finds_nothing_of_a_private_project() -> None:
    team = Team.make()
    values = values_of(team)
    stranger = Client()
    stranger.force_login(team.users["stranger"])
    token = bearer(team.users["stranger"])
    before = counted()
    for address in OF_PROJECTS:
        for verb in sorted(address.tried):
            client, headers = (Client(), token) if address.is_api else (stranger, {})
            answer = knock(client, verb, address.path(values), headers)
            assert answer.status_code in (404, 405), (verb, str(address), answer.status_code)
    assert counted() == before


@pytest.mark.parametrize(
    ("caller", "visibility"),
    [
        *((caller, "private") for caller in CALLERS),
        *(
            (caller, visibility)
            for caller in ("anonymous", "stranger")
            for visibility in ("internal", "public")
        ),
    ],
)
def test_each_page_takes_its_role(caller: str, visibility: str) -> None:
    team = Team.make(visibility=visibility)
    values = values_of(team)
    values["task_id"] = values["failed_id"]
    client = Client()
    if caller != "anonymous":
        client.force_login(team.users[caller])
    role = {"superuser": Role.OWNER, "anonymous": None, "stranger": None}.get(caller, caller)
    if role is None and caller != "anonymous" and visibility != "private":
        role = Role.VIEWER
    for address in PAGES_OF_PROJECTS:
        for verb in ("GET", "POST"):
            with undone(), writes() as changed:
                answer = knock(client, verb, address.path(values))
            what = (verb, str(address), answer.status_code)
            if answer.status_code == 405:
                assert not changed, what
            elif caller == "anonymous":
                assert leads_to_sign_in(answer) and not changed, what
            elif role is None:
                assert answer.status_code == 404 and not changed, what
            elif RANK[Role(role)] < RANK[PAGES[address.name]] or (
                caller == "stranger" and address.name in MEMBERS
            ):
                assert answer.status_code == 403 and not changed, what
            else:
                assert answer.status_code < 400 or answer.status_code in (409, 422), what
                assert not leads_to_sign_in(answer), what
            assert not (verb == "GET" and changed), what


def test_pages_of_one_project_show_and_change_nothing_of_another() -> None:
    team, other = Team.make(), Team.make("other")
    values = values_of(other)
    values["name"] = team.project.name
    client = Client()
    client.force_login(team.users["owner"])
    before = counted()
    for address in PAGES_OF_PROJECTS:
        if address.arguments == ["name"]:
            continue
        for verb in ("GET", "POST"):
            answer = knock(client, verb, address.path(values))
            assert answer.status_code in (404, 405), (verb, str(address), answer.status_code)
    assert counted() == before


def test_the_admin_is_for_superusers() -> None:
    team = Team.make()
    task = ImportTask.objects.create(
        project=team.project, image_url="nginx", target_name="nginx", target_tag="1"
    )
    values = {"object_id": task.pk, "id": team.users["viewer"].pk, "content_type_id": 1}
    values |= {"app_label": "auth", "url": "x"}
    before = counted()
    for caller in ("anonymous", "stranger", "owner"):
        client = Client()
        if caller != "anonymous":
            client.force_login(team.users[caller])
        for address in ADMIN:
            path = re.sub(r"\^?\(\?P<(\w+)>[^)]*\)\$?", r"<\1>", address.route)
            path = Address(path.replace("/^", "/"), "", frozenset(), False, None).path(values)
            if path == "/admin/logout/":
                continue
            for verb in ("GET", "POST"):
                answer = knock(client, verb, path)
                what = (caller, verb, path, answer.status_code)
                to = answer.headers.get("Location", "").partition("?")[0] if answer.status_code == 302 else ""
                if caller == "anonymous":
                    assert to in ("/accounts/login/", "/admin/login/"), what
                else:
                    assert answer.status_code in (403, 404, 405) or to == "/admin/login/", what
    assert counted() == before


@pytest.mark.parametrize("caller", ["stranger", "viewer", "owner"])
def test_what_belongs_to_the_installation_is_for_superusers(caller: str) -> None:
    team = Team.make(visibility="public")
    values = values_of(team)
    person = Client()
    person.force_login(team.users[caller])
    token = bearer(team.users[caller])
    before = counted()
    for address in ALL:
        if address.route not in OPERATORS:
            continue
        for verb in sorted(address.tried):
            client, headers = (Client(), token) if address.is_api else (person, {})
            answer = knock(client, verb, address.path(values), headers)
            assert answer.status_code in (403, 405), (verb, str(address), answer.status_code)
    assert counted() == before


def test_a_form_from_elsewhere_changes_nothing() -> None:
    """Every address that takes a POST from a session, without a CSRF token and with one of somebody else."""
    team = Team.make()
    values = values_of(team)
    before = counted()
    client = Client(enforce_csrf_checks=True)
    client.force_login(team.users["superuser"])
    for address in ALL:
        if address.route in NO_CSRF or address.is_admin or address.is_pattern:
            continue
        if (address.name, address.route) == ("api-token-list", "api/v1/auth/tokens"):
            continue  # takes a password and looks at no session
        for verb in address.verbs - {"GET", "HEAD", "OPTIONS"} or {"POST"}:
            for headers in ({}, {"X-CSRFToken": "a" * 64}):
                answer = knock(client, verb, address.path(values), headers)
                assert answer.status_code in (403, 405), (verb, str(address), answer.status_code)
    assert counted() == before


def test_a_new_token_is_its_owners_alone() -> None:
    team = Team.make()
    _row, text = create_token(user=team.users["owner"])
    theirs = ApiToken.objects.get(prefix=text[:14])
    client = Client()
    client.force_login(team.users["superuser"])
    assert knock(client, "POST", f"/accounts/tokens/{theirs.pk}/revoke/").status_code == 302
    assert ApiToken.objects.filter(pk=theirs.pk).exists()
