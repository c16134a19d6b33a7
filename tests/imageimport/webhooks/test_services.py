"""Webhooks as they are made, changed, sent again and deleted."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.exceptions import ApplicationError, FieldErrors
from imageimport.models import Webhook
from imageimport.webhooks import services as webhooks
from projects.models import AuditEvent, Role
from testbed.scripted_http import ScriptedServer
from tests.imageimport.webhooks.owing import State, owe
from tests.support.factories import member
from tests.support.people import bearer, call

pytestmark = pytest.mark.django_db(transaction=True)


def test_redelivering_sends_the_same_payload_as_a_delivery_of_its_own(
    hook: Webhook, receiver: ScriptedServer
) -> None:
    delivery = owe(hook.project)
    webhooks.deliver_due()
    again = webhooks.redeliver(delivery=delivery, user=hook.created_by)
    webhooks.deliver_due()
    first, second = receiver.requests
    assert first.body == second.body
    assert second.headers["x-portal-delivery"] == str(again.pk) != first.headers["x-portal-delivery"]
    assert AuditEvent.objects.filter(action="webhook.redelivered").exists()


def test_switching_off_says_so_in_the_log_of_what_was_owed(hook: Webhook, receiver: ScriptedServer) -> None:
    delivery = owe(hook.project)
    webhooks.update(webhook=hook, changes={"enabled": False})
    assert webhooks.deliver_due() == 0
    delivery.refresh_from_db()
    assert delivery.state == State.FAILED
    assert "disabled before" in delivery.error
    assert not receiver.requests


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"url": "https://10.0.0.1/"}, "url"),
        ({"url": "nonsense"}, "url"),
        ({"url": "https://hooks.example.com/", "events": []}, "events"),
        ({"url": "https://hooks.example.com/", "events": ["import.started"]}, "events"),
    ],
)
def test_what_can_not_be_is_a_field_error(values: dict[str, Any], field: str) -> None:
    user, project = member(Role.MAINTAINER)
    with pytest.raises(FieldErrors) as refused:
        webhooks.create(project=project, user=user, wanted=webhooks.NewWebhook(**values))
    assert list(refused.value.errors) == [field]
    assert not Webhook.objects.exists()


def test_the_journal_keeps_no_query_and_no_secret(hook: Webhook) -> None:
    webhooks.update(webhook=hook, changes={"url": f"{hook.url}?token=canary", "secret": "canary"})
    webhooks.delete(webhook=hook)
    rows = list(AuditEvent.objects.filter(action__startswith="webhook.").order_by("at"))
    assert [row.action for row in rows] == ["webhook.created", "webhook.changed", "webhook.deleted"]
    assert "canary" not in repr([(row.subject, row.detail) for row in rows])


@pytest.mark.parametrize(
    ("format_", "url", "subject"),
    [
        ("slack", "https://hooks.slack.com/services/T0/B0/canary", "https://hooks.slack.com/…"),
        ("feishu", "https://open.feishu.cn/open-apis/bot/v2/hook/canary?x=1", "https://open.feishu.cn/…"),
        ("wecom", "https://qyapi.weixin.qq.com?key=canary", "https://qyapi.weixin.qq.com/…"),
        ("json", "https://ci.example/hooks/registry?token=canary", "https://ci.example/hooks/registry"),
    ],
)
def test_the_audit_log_holds_nothing_of_a_chats_address_that_lets_one_post_there(
    format_: str, url: str, subject: str
) -> None:
    user, project = member(Role.MAINTAINER)
    hook = webhooks.create(project=project, user=user, wanted=webhooks.NewWebhook(url=url, format=format_))
    webhooks.delete(webhook=hook)
    assert set(AuditEvent.objects.filter(project=project).values_list("subject", flat=True)) == {subject}
    assert "canary" not in str(list(AuditEvent.objects.filter(project=project).values()))


def test_a_project_has_so_many_webhooks(hook: Webhook) -> None:
    for number in range(webhooks.MAX_WEBHOOKS - 1):
        webhooks.create(
            project=hook.project, user=hook.created_by, wanted=webhooks.NewWebhook(url=f"{hook.url}/{number}")
        )
    with pytest.raises(ApplicationError) as refused:
        webhooks.create(project=hook.project, user=hook.created_by, wanted=webhooks.NewWebhook(url=hook.url))
    assert refused.value.code == "too_many_webhooks"
    assert "20" in refused.value.detail
    webhooks.delete(webhook=hook)
    webhooks.create(project=hook.project, user=None, wanted=webhooks.NewWebhook(url=f"{hook.url}/last"))


def test_page_and_api_say_that_there_are_enough_webhooks(
    hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "MAX_WEBHOOKS", 1)
    body = {"url": f"{hook.url}/more", "events": ["import.failed"]}
    assert hook.created_by is not None
    answer = call("POST", f"/projects/{hook.project_id}/webhooks", body, bearer(hook.created_by))
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_webhooks")
    client = Client()
    client.force_login(hook.created_by)
    page = client.post(reverse("webhook-add", args=[hook.project.name]), body)
    assert page.status_code == 422
    assert "at most 1 webhooks" in page.content.decode()
    assert Webhook.objects.count() == 1
