"""Events by mail, through a real mail server."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.translation import override

from accounts.exceptions import FieldErrors
from imageimport.models import Webhook, WebhookDelivery
from imageimport.webhooks import deliveries
from imageimport.webhooks import services as webhooks
from projects.models import AuditEvent, Project, Role
from tests.imageimport.webhooks.mailing import TO, fail, make
from tests.support.factories import member
from tests.support.people import Team, call
from tests.support.services.mail_server import MailServer

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_mail_says_what_happened_and_leads_to_where_the_remedy_is(server: MailServer) -> None:
    hook = make()
    fail(hook.project)
    assert webhooks.deliver_due() == 1
    (mail,) = server.received
    assert (mail.sender, mail.recipients) == ("portal@example.test", TO)
    assert mail.message["Subject"].startswith(
        f"[{hook.project.name}] Import failed: docker.io/library/nginx:1"
    )
    assert "X-Evil" not in mail.message.keys()  # noqa: SIM118
    assert "Gone." in mail.text
    assert f"https://portal.example.test/projects/{hook.project.name}/imports/" in mail.text
    delivery = WebhookDelivery.objects.get()
    assert delivery.state == WebhookDelivery.State.DELIVERED
    assert mail.message["Message-ID"] == f"<{delivery.pk}@example.test>"
    assert mail.message["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize(
    ("of_project", "own", "words"),
    [
        ("en", "", "Import failed"),
        ("zh-hans", "", "导入失败"),
        ("zh-hans", "en", "Import failed"),
        ("en", "zh-hans", "导入失败"),
    ],
)
def test_it_is_in_its_own_language_or_else_in_the_projects(
    server: MailServer, of_project: str, own: str, words: str
) -> None:
    with override("zh-hans"):
        hook = make(language=own)
    assert hook.project.language == "en", "unless its owners choose another"
    Project.objects.update(language=of_project)
    fail(hook.project)
    webhooks.deliver_due()
    (mail,) = server.received
    assert words in mail.message["Subject"]


def test_its_language_is_chosen_by_the_api_and_on_the_page(server: MailServer) -> None:
    team = Team.make()
    path, headers = f"/projects/{team.project.pk}/webhooks", team.bearer("maintainer")
    body = {"kind": "email", "addresses": TO, "language": "zh-hans"}
    made = call("POST", path, body, headers).json()
    assert made["language"] == "zh-hans"
    assert call("POST", path, {**body, "language": "xx"}, headers).json().keys() == {"language"}
    fail(team.project)
    webhooks.deliver_due()
    assert "导入失败" in server.received[-1].message["Subject"]
    there = f"{path}/{made['id']}"
    assert call("PATCH", there, {"failures_only": True}, headers).json()["language"] == "zh-hans"
    assert call("PATCH", there, {"language": "en"}, headers).json()["language"] == "en"
    client = Client()
    client.force_login(team.users["maintainer"])
    fields = {"kind": "email", "addresses": ", ".join(TO), "events": ["import.failed"], "enabled": "on"}
    page = f"/projects/team/settings/webhooks/{made['id']}/edit/"
    assert client.post(page, {**fields, "language": "zh-hans"}).status_code == 302
    assert client.post(page, fields).status_code == 302, "who names none leaves it"
    assert Webhook.objects.get().language == "zh-hans"
    assert '<option value="zh-hans" selected>' in client.get(page).content.decode()
    client.post(page, {**fields, "language": ""})
    assert Webhook.objects.get().language == ""
    assert '<option value="" selected>' in client.get(page).content.decode()
    assert call("PATCH", there, {"language": "en"}, headers).json()["language"] == "en"
    assert call("PATCH", there, {"language": ""}, headers).json()["language"] == ""


def test_a_server_that_refuses_or_is_away_is_tried_again_with_the_same_message_id(server: MailServer) -> None:
    hook = make()
    fail(hook.project)
    server.refuses = "450 come back later"
    webhooks.deliver_due()
    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.attempts) == (WebhookDelivery.State.PENDING, 1)
    assert "mail server" in delivery.error
    server.refuses = ""
    WebhookDelivery.objects.update(next_attempt_at=timezone.now())
    Webhook.objects.update(resume_at=None)
    webhooks.deliver_due()
    (mail,) = server.received
    assert mail.message["Message-ID"] == f"<{delivery.pk}@example.test>"


def test_who_is_refused_while_others_get_it_stands_in_the_log(server: MailServer) -> None:
    hook = make()
    fail(hook.project)
    server.unknown = {TO[1]: "550 no such user"}
    webhooks.deliver_due()
    (mail,) = server.received
    assert mail.recipients == TO[:1]
    delivery = WebhookDelivery.objects.get()
    assert delivery.state == WebhookDelivery.State.DELIVERED
    assert (
        delivery.error
        == "Sent, but the mail server refused these recipients: ops@example.test (550 no such user)."
    )
    client = Client()
    assert hook.created_by is not None
    client.force_login(hook.created_by)
    page = f"/projects/{hook.project.name}/settings/webhooks/{hook.pk}/"
    assert "ops@example.test (550 no such user)" in client.get(page).content.decode()
    assert webhooks.deliver_due() == 0, "the others don't get it twice"


def test_a_mail_server_that_is_not_there_is_a_failed_try(settings: Any) -> None:
    with MailServer() as gone:
        gone.use(settings)
    hook = make()
    fail(hook.project)
    webhooks.deliver_due()
    assert "mail server failed" in WebhookDelivery.objects.get().error


@pytest.mark.parametrize(
    ("addresses", "field"),
    [([], "addresses"), (["no address"], "addresses"), (["a@b.test\nBcc: c@d.test"], "addresses"),
     ([f"{number}@example.test" for number in range(21)], "addresses")],
)  # fmt: skip
def test_what_is_no_list_of_addresses_is_a_field_error(
    server: MailServer, addresses: list[str], field: str
) -> None:
    user, project = member(Role.MAINTAINER)
    with pytest.raises(FieldErrors) as refused:
        webhooks.create(
            project=project, user=user, wanted=webhooks.NewWebhook(kind="email", addresses=addresses)
        )
    assert refused.value.errors.keys() == {field}


def test_without_a_mail_server_there_is_no_mail_to_choose(settings: Any) -> None:
    settings.MAIL_ENABLED = False
    team = Team.make()
    path, body = f"/projects/{team.project.pk}/webhooks", {"kind": "email", "addresses": TO}
    answer = call("POST", path, body, team.bearer("maintainer"))
    assert (answer.status_code, answer.json().keys()) == (400, {"kind"})
    client = Client()
    client.force_login(team.users["maintainer"])
    assert 'name="kind"' not in client.get("/projects/team/settings/webhooks/new/").content.decode()


def test_the_api_makes_one_and_turns_it_into_a_webhook_and_back(server: MailServer) -> None:
    team = Team.make()
    path, headers = f"/projects/{team.project.pk}/webhooks", team.bearer("maintainer")
    made = call("POST", path, {"kind": "email", "addresses": TO}, headers).json()
    assert (made["kind"], made["url"], made["addresses"]) == ("email", "", TO)
    there = f"{path}/{made['id']}"
    assert call("PATCH", there, {"kind": "webhook"}, headers).status_code == 400, "without a URL"
    turned = call("PATCH", there, {"kind": "webhook", "url": "https://example.com/x"}, headers).json()
    assert (turned["kind"], turned["addresses"]) == ("webhook", [])
    back = call("PATCH", there, {"kind": "email", "addresses": TO[:1]}, headers).json()
    assert (back["kind"], back["url"], back["addresses"]) == ("email", "", TO[:1])
    assert AuditEvent.objects.filter(action="webhook.created", subject=", ".join(TO)).exists()


def test_the_page_makes_one_and_sends_a_test(server: MailServer) -> None:
    team = Team.make()
    client = Client()
    client.force_login(team.users["maintainer"])
    fields = {"kind": "email", "addresses": ", ".join(TO), "events": ["import.failed"], "enabled": "on"}
    assert client.post("/projects/team/settings/webhooks/new/", fields).status_code == 302
    hook = Webhook.objects.get()
    assert ", ".join(TO) in client.get("/projects/team/settings/").content.decode()
    page = f"/projects/team/settings/webhooks/{hook.pk}/"
    assert client.post(f"{page}test/").status_code == 302
    webhooks.deliver_due()
    (mail,) = server.received
    assert "Test message" in mail.message["Subject"]
    assert "Test message" in client.get(page).content.decode()
    assert AuditEvent.objects.filter(action="webhook.tested").exists()


def test_the_api_sends_a_test_for_maintainers_only(server: MailServer) -> None:
    team = Team.make()
    user = team.users["maintainer"]
    wanted = webhooks.NewWebhook(kind="email", addresses=TO, events=["import.failed"])
    hook = webhooks.create(project=team.project, user=user, wanted=wanted)
    path = f"/projects/{team.project.pk}/webhooks/{hook.pk}/test"
    assert call("POST", path, None, team.bearer("developer")).status_code == 403
    answer = call("POST", path, None, team.bearer("maintainer"))
    assert (answer.status_code, answer.json()["event"]) == (202, "test")


LONG = "a@" + "\u00fc" * 60 + ".de"


def test_an_address_that_has_no_form_in_ascii_is_refused_and_stops_no_others(server: MailServer) -> None:
    with pytest.raises(FieldErrors):
        webhooks.update(webhook=make(), changes={"addresses": [LONG]})
    bad, good = make(), make()
    Webhook.objects.filter(pk=bad.pk).update(addresses=[LONG])
    fail(bad.project)
    fail(good.project)
    assert webhooks.deliver_due() == 2
    assert len(server.received) == 1
    assert WebhookDelivery.objects.get(webhook=bad).error.startswith("The mail server failed")


def test_what_no_one_foresaw_is_one_deliverys_failure(
    server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "send", lambda _parcel: 1 // 0)
    fail(make().project)
    assert webhooks.deliver_due() == 1
    delivery = WebhookDelivery.objects.get()
    assert delivery.state == WebhookDelivery.State.PENDING
    assert delivery.error


def test_one_accounts_mails_reach_so_many_addresses_and_the_rest_waits(
    server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "MAX_MAILED", 2 * len(TO))
    first, other = make(), make()
    twin = webhooks.create(
        project=first.project, user=first.created_by, wanted=webhooks.NewWebhook(kind="email", addresses=TO)
    )
    for _each in range(2):
        fail(first.project)
    fail(other.project)
    assert webhooks.deliver_due() == 3
    assert len(server.received) == 3
    held = WebhookDelivery.objects.filter(state=WebhookDelivery.State.PENDING)
    assert held.filter(attempts=0, next_attempt_at__gt=timezone.now() + dt.timedelta(minutes=1)).count() == 2
    assert not Webhook.objects.exclude(failures=0).exists(), "waiting is no failure of the webhook"
    assert set(held.values_list("webhook", flat=True)) <= {first.pk, twin.pk}
    assert [each.error for each in held] == [
        "The webhooks of one account can send email to 4 addresses in five minutes. This email is sent later."
    ] * 2


def test_a_person_asks_for_so_many_deliveries_by_hand_and_no_more(
    server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "MAX_BY_HAND", 2)
    team = Team.make()
    wanted = webhooks.NewWebhook(kind="email", addresses=TO, events=["import.failed"])
    hook = webhooks.create(project=team.project, user=team.users["maintainer"], wanted=wanted)
    path, headers = f"/projects/{team.project.pk}/webhooks/{hook.pk}", team.bearer("maintainer")
    sent = call("POST", f"{path}/test", None, headers).json()
    again = f"{path}/deliveries/{sent['id']}/redeliver"
    assert call("POST", again, None, headers).status_code == 202
    for there in (f"{path}/test", again):
        refused = call("POST", there, None, headers)
        assert (refused.status_code, refused.json()["code"]) == (429, "throttled")
        assert int(refused.headers["Retry-After"]) > 5
    client = Client()
    client.force_login(team.users["maintainer"])
    page = f"/projects/team/settings/webhooks/{hook.pk}/"
    for there in (f"{page}test/", f"{page}{sent['id']}/again/"):
        answer = client.post(there, follow=True)
        assert "You sent too many messages." in answer.content.decode()
    assert WebhookDelivery.objects.count() == 2
    assert call("POST", f"{path}/test", None, team.bearer("owner")).status_code == 202, "another's count"


def test_without_a_mail_server_one_is_switched_off_and_not_on(server: MailServer, settings: Any) -> None:
    team = Team.make()
    wanted = webhooks.NewWebhook(kind="email", addresses=TO, events=["import.failed"])
    hook = webhooks.create(project=team.project, user=team.users["maintainer"], wanted=wanted)
    settings.MAIL_ENABLED = False
    client = Client()
    client.force_login(team.users["maintainer"])
    page = f"/projects/team/settings/webhooks/{hook.pk}/edit/"
    fields = {"kind": "email", "addresses": ", ".join(TO), "events": ["import.failed"]}
    assert client.post(page, fields).status_code == 302
    hook.refresh_from_db()
    assert (hook.enabled, hook.addresses) == (False, TO)
    assert client.post(page, {**fields, "enabled": "on"}).status_code == 422
    assert client.post(page, {**fields, "addresses": "other@example.test"}).status_code == 422
    hook.refresh_from_db()
    assert (hook.enabled, hook.addresses) == (False, TO)
