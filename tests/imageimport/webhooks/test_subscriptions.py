"""The weekly digest for a member who wants it: on the page, by the API, in their mailbox, and left again."""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from imageimport.tasks import deliver_webhooks
from imageimport.webhooks import subscriptions
from imageimport.webhooks.deliveries import TRIES
from projects import services
from projects.models import DigestSubscription, Project, Role
from tests.support.people import Team, call
from tests.support.services.mail_server import MailServer, Received

pytestmark = pytest.mark.django_db(transaction=True)
SETTINGS = "/projects/team/settings/"
CHANGE = f"{SETTINGS}digest/"


@pytest.fixture
def team() -> Team:
    return Team.make()


def signed_in(team: Team, caller: str) -> Client:
    client = Client()
    client.force_login(team.users[caller])
    return client


def monday() -> None:
    """All that is owed is due."""
    DigestSubscription.objects.update(due_at=timezone.now() - dt.timedelta(minutes=1))


def subscribed(team: Team, *callers: str) -> None:
    for caller in callers:
        subscriptions.subscribe(project=team.project, user=team.users[caller])
    monday()


def way_out_of(mail: Received) -> str:
    return urlsplit(mail.message["List-Unsubscribe"].strip(" <>")).path


def test_a_viewer_subscribes_on_the_page_gets_one_mail_a_week_and_leaves_there(
    server: MailServer, team: Team
) -> None:
    client = signed_in(team, "viewer")
    assert "team-viewer@example.test" in client.get(SETTINGS).content.decode()
    assert client.post(CHANGE, {"digest": "on"})["Location"] == f"{SETTINGS}#digest"
    deliver_webhooks()
    assert server.received == [], "it is not Monday"
    monday()
    for _tick in range(2):
        deliver_webhooks()
    (mail,) = server.received
    assert mail.recipients == ["team-viewer@example.test"]
    assert mail.message["Subject"] == "[team] Weekly digest: team"
    assert "Last week: 0 imports succeeded, 0 failed." in mail.text
    row = DigestSubscription.objects.get()
    assert dt.timedelta(0) < row.due_at - timezone.now() <= dt.timedelta(days=7)
    assert "Unsubscribe" in client.get(SETTINGS).content.decode()
    client.post(CHANGE)
    assert not DigestSubscription.objects.exists()


def test_it_is_in_the_projects_language(server: MailServer, team: Team) -> None:
    Project.objects.update(language="zh-hans")
    subscribed(team, "viewer")
    deliver_webhooks()
    (mail,) = server.received
    assert mail.message["Subject"] == "[team] 周报：team"
    assert "退订：https://portal.example.test/digest/" in mail.text


def test_to_want_it_twice_is_to_get_it_once(server: MailServer, team: Team) -> None:
    subscribed(team, "viewer", "viewer", "owner")
    assert subscriptions.send_due() == 2
    assert sorted(mail.recipients[0] for mail in server.received) == [
        "team-owner@example.test",
        "team-viewer@example.test",
    ]


def test_without_mail_or_an_address_there_is_nothing_to_get(
    server: MailServer, team: Team, settings: Any
) -> None:
    path, headers, user = f"/projects/{team.project.pk}/digest", team.bearer("viewer"), team.users["viewer"]
    user.email = ""
    user.save()
    answer = call("POST", path, None, headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "no_email")
    assert "no email address" in signed_in(team, "viewer").get(SETTINGS).content.decode()
    settings.MAIL_ENABLED = False
    assert call("POST", path, None, headers).json()["code"] == "mail_disabled"
    assert 'id="digest"' not in signed_in(team, "viewer").get(SETTINGS).content.decode()


def test_readers_of_an_open_project_who_are_no_members_get_none(server: MailServer) -> None:
    team = Team.make(visibility=Project.Visibility.PUBLIC)
    client = signed_in(team, "stranger")
    assert 'id="digest"' not in client.get(SETTINGS).content.decode()
    assert client.post(CHANGE, {"digest": "on"}).status_code == 403
    answer = call("POST", f"/projects/{team.project.pk}/digest", None, team.bearer("stranger"))
    assert answer.status_code == 403
    assert not DigestSubscription.objects.exists()


def test_whoever_is_a_member_no_more_gets_no_more(server: MailServer, team: Team) -> None:
    subscribed(team, "viewer", "developer", "maintainer")
    services.remove_member(member=team.member("viewer"), by_role=Role.OWNER)
    assert DigestSubscription.objects.count() == 2
    # As when a group of the identity provider loses its role, or the account is blocked.
    team.member("developer").delete()
    team.users["maintainer"].is_active = False
    team.users["maintainer"].save()
    deliver_webhooks()
    assert server.received == []
    assert not DigestSubscription.objects.exists()


def test_the_mails_own_link_asks_a_person_and_ends_it_at_once_for_a_mail_program(
    server: MailServer, team: Team
) -> None:
    subscribed(team, "viewer")
    deliver_webhooks()
    (mail,) = server.received
    path = way_out_of(mail)
    assert mail.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert f"https://portal.example.test{path}" in mail.text
    anyone = Client(enforce_csrf_checks=True)
    page = anyone.get(path)
    assert "Unsubscribe from the weekly digest of the project team?" in page.content.decode()
    assert DigestSubscription.objects.exists(), "a look changes nothing"
    for _time in range(2):
        answer = anyone.post(path, {"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
        assert "You are unsubscribed and" in answer.content.decode()
    assert not DigestSubscription.objects.exists()
    subscribed(team, "viewer")
    anyone.post(path)
    assert DigestSubscription.objects.exists(), "an old link doesn't end a new subscription"


def test_a_forged_link_ends_nothing(server: MailServer, team: Team) -> None:
    subscribed(team, "viewer")
    row = DigestSubscription.objects.get()
    for token in (row.pk.hex, f"{row.pk.hex}:forged", "x"):
        for method in ("get", "post"):
            assert getattr(Client(), method)(f"/digest/{token}/").status_code == 404
    assert DigestSubscription.objects.exists()


def test_a_server_that_is_away_is_tried_again_with_the_same_message_id_and_not_for_ever(
    server: MailServer, team: Team
) -> None:
    subscribed(team, "viewer")
    server.refuses = "450 come back later"
    deliver_webhooks()
    row = DigestSubscription.objects.get()
    assert row.tries == 1
    assert timezone.now() < row.due_at < timezone.now() + dt.timedelta(minutes=1)
    server.refuses = ""
    monday()
    deliver_webhooks()
    DigestSubscription.objects.update(tries=0)
    monday()
    deliver_webhooks()
    first, second = server.received
    assert first.message["Message-ID"] == second.message["Message-ID"]
    server.refuses = "450 come back later"
    monday()
    DigestSubscription.objects.update(tries=TRIES - 1)
    deliver_webhooks()
    row.refresh_from_db()
    assert row.tries == 0
    assert row.due_at > timezone.now() + dt.timedelta(hours=1) or timezone.now().weekday() == 0


def test_one_who_can_not_be_reached_keeps_no_other_from_theirs(server: MailServer, team: Team) -> None:
    subscribed(team, "viewer", "owner")
    server.unknown = {"team-viewer@example.test": "550 no such user"}
    for _tick in range(2):
        deliver_webhooks()
    assert [mail.recipients for mail in server.received] == [["team-owner@example.test"]]
    assert DigestSubscription.objects.get(user=team.users["viewer"]).tries == 1
