"""Members, credentials, webhooks, robots, the journal, and the end of a project."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from imageimport.models import Credential, Webhook, WebhookDelivery
from projects.models import AuditEvent, Membership, Project, Robot
from projects.registry import removal
from projects.retention import trash
from tests.pages.conftest import htmx
from tests.support.factories import CredentialFactory
from tests.support.people import Team, make_user

As = Callable[..., Client]
SETTINGS = "/projects/team/settings/"


def text(answer: object) -> str:
    return answer.content.decode()  # type: ignore[attr-defined]


def test_a_maintainer_adds_a_member_by_user_name(as_: As, team: Team) -> None:
    make_user("newcomer")
    client = as_("maintainer")
    answer = client.post(SETTINGS + "members/new/", {"username": "newcomer", "role": "developer"})
    assert answer["Location"] == SETTINGS + "#members"
    assert Membership.objects.get(user__username="newcomer").role == "developer"
    assert "newcomer is now a member." in text(client.get(SETTINGS))


def test_wrong_names_and_members_are_said_under_the_field(as_: As, team: Team) -> None:
    client = as_("maintainer")
    for name, words in (
        ("nobody", "User not found. Check the username."),
        ("team-viewer", "already a member of"),
    ):
        answer = client.post(SETTINGS + "members/new/", {"username": name, "role": "viewer"})
        assert answer.status_code == 422
        assert words in text(answer)


def test_only_owners_may_name_owners(as_: As, team: Team) -> None:
    make_user("newcomer")
    page = as_("maintainer").get(SETTINGS + "members/new/")
    assert 'value="owner"' not in text(page)
    answer = as_("maintainer").post(SETTINGS + "members/new/", {"username": "newcomer", "role": "owner"})
    assert answer.status_code == 422
    as_("owner").post(SETTINGS + "members/new/", {"username": "newcomer", "role": "owner"})
    assert Membership.objects.get(user__username="newcomer").role == "owner"


def test_roles_change_and_the_last_owner_stays(as_: As, team: Team) -> None:
    client = as_("owner")
    member = team.member("viewer")
    client.post(f"{SETTINGS}members/{member.pk}/role/", {"role": "developer"})
    member.refresh_from_db()
    assert member.role == "developer"
    page = client.post(f"{SETTINGS}members/{team.member('owner').pk}/remove/", follow=True)
    assert "A project needs an owner." in text(page)
    assert Membership.objects.filter(pk=team.member("owner").pk).exists()
    client.post(f"{SETTINGS}members/{member.pk}/remove/")
    assert not Membership.objects.filter(pk=member.pk).exists()


def test_a_credential_is_saved_changed_and_deleted_and_never_shown(as_: As, team: Team) -> None:
    client = as_("maintainer")
    fields = {"name": "hub", "registry": "docker.io", "username": "someone", "password": "hunter22-canary"}
    client.post(SETTINGS + "credentials/new/", fields)
    saved = Credential.objects.get()
    assert saved.password.reveal() == "hunter22-canary"
    edit = f"{SETTINGS}credentials/{saved.pk}/"
    for page in (client.get(SETTINGS), client.get(edit)):
        assert "hunter22" not in text(page)
        assert "someone" in text(page)
    client.post(edit, {**fields, "name": "Docker Hub", "password": ""})
    saved.refresh_from_db()
    assert (saved.name, saved.password.reveal()) == ("Docker Hub", "hunter22-canary")
    client.post(edit + "delete/")
    assert not Credential.objects.exists()


def test_a_wrong_registry_is_said_under_its_field(as_: As, team: Team) -> None:
    answer = as_("maintainer").post(
        SETTINGS + "credentials/new/",
        {"name": "x", "registry": "10.0.0.1/a", "username": "u", "password": "p"},
    )
    assert answer.status_code == 422
    assert 'id="credential-registry-error"' in text(answer)


def test_testing_a_credential_says_whether_it_works(
    as_: As, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    from imageimport.credentials import services as credentials

    saved = CredentialFactory(project=team.project)
    monkeypatch.setattr(
        credentials, "test", lambda *, credential, user: credentials.Tested(False, "x", "It refuses.")
    )
    url = f"{SETTINGS}credentials/{saved.pk}/test/"
    assert "It refuses." in text(htmx(as_("maintainer"), "post", url))
    assert "It refuses." in text(as_("maintainer").post(url, follow=True))


def test_a_webhook_is_made_changed_and_its_deliveries_are_listed(as_: As, team: Team) -> None:
    client = as_("maintainer")
    fields = {
        "url": "https://chat.example.com/x",
        "secret": "s3cret-canary",
        "events": ["import.failed"],
        "enabled": "on",
    }
    answer = client.post(SETTINGS + "webhooks/new/", fields)
    assert answer.status_code == 302, text(answer)
    hook = Webhook.objects.get()
    assert "s3cret" not in text(client.get(SETTINGS))
    client.post(f"{SETTINGS}webhooks/{hook.pk}/edit/", {**fields, "secret": "", "enabled": ""})
    hook.refresh_from_db()
    assert (hook.enabled, hook.secret.reveal()) == (False, "s3cret-canary")
    sent = WebhookDelivery.objects.create(
        webhook=hook, event="import.failed", state="failed", response_status=503
    )
    log = f"{SETTINGS}webhooks/{hook.pk}/"
    assert "HTTP 503" in text(client.get(log))
    client.post(f"{log}{sent.pk}/again/")
    assert WebhookDelivery.objects.filter(webhook=hook).count() == 2
    client.post(log + "delete/")
    assert not Webhook.objects.exists()


def test_a_robots_secret_is_shown_this_once(as_: As, team: Team) -> None:
    client = as_("maintainer")
    page = text(client.post(SETTINGS + "robots/new/", {"name": "ci", "access": "pull"}))
    secret = re.search(r"rps_\w+", page)
    assert secret is not None
    assert "robot$team+ci" in page
    assert secret[0] not in text(client.get(SETTINGS))
    client.post(f"{SETTINGS}robots/{Robot.objects.get().pk}/revoke/")
    assert not Robot.objects.exists()


def test_the_journal_says_in_words_what_was_done(as_: As, team: Team) -> None:
    make_user("newcomer")
    as_("maintainer").post(SETTINGS + "members/new/", {"username": "newcomer", "role": "viewer"})
    page = text(as_("maintainer", language="zh-hans").get(SETTINGS + "journal/"))
    assert "添加了成员" in page
    assert "team-maintainer" in page
    assert "没有匹配的记录" in text(
        as_("maintainer", language="zh-hans").get(SETTINGS + "journal/?action=nothing")
    )


def test_every_action_of_the_journal_has_words() -> None:
    from pathlib import Path

    from projects.views.audit import ACTIONS

    root = Path(__file__).resolve().parents[3]
    said = re.compile(r'(?:action=|audit\.record\(\s*|_write\(caller, | else )"([a-z]+\.[a-z]+)"')
    used = {
        action
        for app in ("accounts", "projects", "imageimport", "workloads")
        for path in (root / app).rglob("*.py")
        for action in said.findall(path.read_text(encoding="utf-8"))
    }
    assert {"import.created", "member.added", "credential.created", "registry.granted"} <= used
    assert used <= set(ACTIONS), used - set(ACTIONS)


def test_deleting_a_project_asks_for_its_name(as_: As, team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removal, "delete_project", lambda *, project, user: project.delete())
    client = as_("owner")
    answer = client.post(SETTINGS + "delete/", {"confirm": "taem"})
    assert answer.status_code == 422
    assert Project.objects.filter(name="team").exists()
    answer = client.post(SETTINGS + "delete/", {"confirm": "team"})
    assert answer["Location"] == "/"
    assert not Project.objects.filter(name="team").exists()


def test_an_owner_changes_description_and_visibility(as_: As, team: Team) -> None:
    as_("owner").post(SETTINGS + "project/", {"description": "New", "visibility": "public", "language": "en"})
    team.project.refresh_from_db()
    assert (team.project.description, team.project.visibility) == ("New", "public")
    assert AuditEvent.objects.filter(action="project.changed").exists()


def test_an_owner_chooses_the_language_of_messages_by_its_own_name(as_: As, team: Team) -> None:
    client = as_("owner")
    assert ">简体中文</option>" in text(client.get(SETTINGS + "project/"))
    fields = {"description": "", "visibility": "private", "language": "zh-hans"}
    client.post(SETTINGS + "project/", fields)
    assert "<dd>简体中文</dd>" in text(client.get(SETTINGS))
    assert AuditEvent.objects.get(action="project.changed").detail["language"] == "zh-hans"
    assert client.post(SETTINGS + "project/", {**fields, "language": "xx"}).status_code == 422


def test_a_new_project_writes_messages_in_its_makers_language(as_: As, team: Team) -> None:
    as_("owner", language="zh-hans").post(
        reverse("project-new"), {"name": "xinxiangmu", "visibility": "private"}
    )
    assert Project.objects.get(name="xinxiangmu").language == "zh-hans"


def test_deleting_an_image_says_what_else_goes_and_asks_for_its_name(
    as_: As, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, _other = team.image("app", "1"), team.image("app", "latest")
    monkeypatch.setattr(trash, "throw_away", lambda *, image, user: image.delete())
    client = as_("maintainer")
    url = f"/projects/team/images/{image.pk}/delete/"
    assert "app:latest" in text(client.get(url))
    assert client.post(url, {"confirm": "app"}).status_code == 422
    assert client.post(url, {"confirm": "app:1"})["Location"] == "/projects/team/"


def test_a_registry_that_is_away_keeps_the_image_and_says_so(
    as_: As, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oci.errors import OciError

    def away(**_fields: object) -> None:
        raise OciError(
            "unreachable", "%(host)s did not answer on port %(port)d in time.", host="r.example", port=5000
        )

    image = team.image()
    monkeypatch.setattr(trash, "throw_away", away)
    answer = as_("maintainer", language="zh-hans").post(
        f"/projects/team/images/{image.pk}/delete/", {"confirm": "app:1"}
    )
    assert answer.status_code == 422
    assert "r.example 的 5000 端口未及时响应。" in text(answer)


def test_what_was_added_is_seen_on_the_page_where_one_is_already(as_: As, team: Team) -> None:
    """A redirect to a section of the same page would load nothing."""
    make_user("newcomer")
    path, fields = "/projects/team/settings/members/new/", {"username": "newcomer", "role": "viewer"}
    here = htmx(
        as_("owner"),
        "post",
        path,
        fields,
        hx_current_url="http://testserver/projects/team/settings/#webhooks",
    )
    assert here["HX-Refresh"] == "true"
    assert "HX-Redirect" not in here
    team.project.memberships.filter(user__username="newcomer").delete()
    elsewhere = htmx(as_("owner"), "post", path, fields, hx_current_url="http://testserver/projects/team/")
    assert elsewhere["HX-Redirect"] == "/projects/team/settings/#members"
