"""The weekly digest."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone
from django.utils.translation import override

from imageimport.choices import EVENTS_UNASKED, Status, WebhookEvent
from imageimport.models import Schedule, Webhook, WebhookDelivery
from imageimport.tasks import deliver_webhooks
from imageimport.webhooks import digest
from imageimport.webhooks import services as webhooks
from imageimport.webhooks.formats import message_of
from projects.models import Project, Role
from tests.support.factories import ImageFactory, TaskFactory, member
from tests.support.services.mail_server import MailServer

pytestmark = pytest.mark.django_db(transaction=True)
MONDAY = dt.datetime(2026, 11, 30, 8, 0, tzinfo=dt.UTC)


def make(*events: str) -> Webhook:
    user, project = member(Role.MAINTAINER)
    wanted = webhooks.NewWebhook(url="https://hooks.test/x", events=events or EVENTS_UNASKED)
    return webhooks.create(project=project, user=user, wanted=wanted)


def test_it_is_due_on_monday_morning() -> None:
    assert digest.next_at(dt.datetime(2026, 11, 27, 12, 0, tzinfo=dt.UTC)) == MONDAY
    assert digest.next_at(MONDAY) == MONDAY + dt.timedelta(days=7)


def test_only_those_who_want_it_get_it_and_once_a_week() -> None:
    assert webhooks.NewWebhook(url="").events == EVENTS_UNASKED
    assert set(WebhookEvent.values) - set(EVENTS_UNASKED) == {"digest.weekly"}
    make()
    hook = make("digest.weekly")
    assert digest.owe_due(timezone.now()) == 0
    Webhook.objects.filter(pk=hook.pk).update(digest_at=MONDAY)
    assert digest.owe_due(MONDAY) == 1
    assert digest.owe_due(MONDAY) == 0
    assert WebhookDelivery.objects.get().webhook == hook
    hook.refresh_from_db()
    assert hook.digest_at == MONDAY + dt.timedelta(days=7)
    webhooks.update(webhook=hook, changes={"events": ["import.failed"]})
    hook.refresh_from_db()
    assert hook.digest_at is None


def _fill(project: Project) -> None:
    lately, long_ago = MONDAY - dt.timedelta(days=1), MONDAY - dt.timedelta(days=8)
    TaskFactory(project=project, status=Status.SUCCESS, completed_at=lately)
    TaskFactory(project=project, status=Status.FAILED, completed_at=lately)
    TaskFactory(project=project, status=Status.SUCCESS, completed_at=long_ago)
    TaskFactory(project=project, status=Status.REQUESTED)
    ImageFactory(project=project)
    failed = {"checked": 1, "imported": 0, "unchanged": 0, "failed": 1}
    rows = [("redis", failed, [], ""), ("nginx", None, ["1.1"], "2.0")]
    for name, result, gone, newer in rows:
        Schedule.objects.create(
            project=project, image_url=name, cron="0 3 * * *", last_result=result, gone=gone, newer=newer
        )


def test_it_says_what_happened_and_what_needs_a_look() -> None:
    hook = make("digest.weekly")
    _fill(hook.project)
    Webhook.objects.update(digest_at=MONDAY)
    digest.owe_due(MONDAY)
    payload = WebhookDelivery.objects.get().payload
    assert payload["digest"] == {
        "imported": 1,
        "failed": 1,
        "images": 1,
        "requests": 1,
        "failing": ["redis"],
        "gone": ["nginx: 1.1"],
        "newer": ["nginx: 2.0"],
    }
    message = message_of(payload)
    assert message.title == f"Weekly digest: {hook.project.name}"
    assert message.text.splitlines() == [
        "Last week: 1 imports succeeded, 1 failed.",
        "The project holds 1 tags.",
        "Requests that wait for approval: 1.",
        "Scheduled syncs that fail: redis.",
        "Gone at the source, kept here: nginx: 1.1.",
        "Newer versions at the source: nginx: 2.0.",
    ]
    with override("zh-hans"):
        assert message_of(payload).title.startswith("周报")


def test_it_comes_by_mail_once_in_the_language_of_those_who_want_it(settings: Any) -> None:
    with MailServer() as server:
        server.use(settings)
        user, project = member(Role.MAINTAINER)
        wanted = webhooks.NewWebhook(
            kind="email", addresses=["ada@example.test"], events=["digest.weekly"], language="zh-hans"
        )
        webhooks.create(project=project, user=user, wanted=wanted)
        _fill(project)
        Webhook.objects.update(digest_at=timezone.now() - dt.timedelta(minutes=1))
        for _tick in range(2):
            deliver_webhooks()
        (mail,) = server.received
    assert (mail.recipients, mail.message["X-Portal-Event"]) == (["ada@example.test"], "digest.weekly")
    assert f"周报：{project.name}" in mail.message["Subject"]
    assert f"/projects/{project.name}/" in mail.text
