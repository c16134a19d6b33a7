"""The outbox: what is owed to whom, and what becomes of it."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.exceptions import ApplicationError, FieldErrors
from imageimport.choices import Status, WebhookEvent
from imageimport.models import Webhook, WebhookDelivery
from imageimport.webhooks import deliveries, outbox, sender
from imageimport.webhooks import services as webhooks
from imageimport.webhooks.payloads import public
from imageimport.worker import completion, leases
from oci.errors import OciError
from projects.models import AuditEvent, Project, Role
from testbed.scripted_http import Reply, ScriptedServer
from tests.support.factories import BatchFactory, ProjectFactory, TaskFactory, UserFactory, member
from tests.support.people import bearer, call

pytestmark = pytest.mark.django_db(transaction=True)
State = WebhookDelivery.State


@pytest.fixture
def receiver(settings: Any) -> Iterator[ScriptedServer]:
    with ScriptedServer(lambda _request: Reply(204)) as server:
        settings.WEBHOOK_PRIVATE_HOSTS = [server.server_name]
        settings.OWN_ENDPOINTS = []
        yield server


@pytest.fixture
def hook(receiver: ScriptedServer) -> Webhook:
    user, project = member(Role.MAINTAINER)
    return webhooks.create(
        project=project, user=user, wanted=webhooks.NewWebhook(url=f"{receiver.url}/hook", secret="s3cret")
    )


def owe(project: Project, *, failed: bool = False) -> WebhookDelivery:
    event = WebhookEvent.IMPORT_FAILED if failed else WebhookEvent.IMPORT_SUCCEEDED
    outbox.enqueue(
        project_id=project.pk, event=event, failed=failed, make=lambda: {"event": event.value, "id": "1"}
    )
    return WebhookDelivery.objects.latest("created_at")


def let_pass() -> None:
    """All that waits is due: deliveries and webhooks that rest."""
    WebhookDelivery.objects.update(next_attempt_at=timezone.now())
    Webhook.objects.update(resume_at=None)


def end(task: Any, status: Status) -> None:
    lease = leases.claim(worker="test:1")
    assert lease is not None
    assert lease.task_id == task.pk
    failed = status == Status.FAILED
    error = OciError("not_found", "Gone.") if failed else None
    assert completion.end(task.pk, fence=lease.fence, status=status, error=error)


def test_an_import_that_ends_is_told_with_its_facts_and_no_secret(
    hook: Webhook, receiver: ScriptedServer
) -> None:
    task = TaskFactory(project=hook.project, username="me", password="canary-password")
    end(task, Status.FAILED)
    assert webhooks.deliver_due() == 1
    (request,) = receiver.requests
    assert b"canary" not in request.body
    told = WebhookDelivery.objects.get().payload
    assert (told["event"], told["task"]["id"], told["task"]["error_code"]) == (
        "import.failed",
        str(task.pk),
        "not_found",
    )
    assert told["task"]["error"] == "Gone."
    assert told["project"]["name"] == hook.project.name
    assert set(public(told)) == {"id", "event", "created_at", "project", "task"}


@pytest.mark.parametrize(
    ("status", "events"),
    [(Status.SUCCESS, ["import.succeeded"]), (Status.FAILED, ["import.failed"]), (Status.CANCELED, [])],
)
def test_each_ending_has_its_event(hook: Webhook, status: Status, events: list[str]) -> None:
    end(TaskFactory(project=hook.project), status)
    assert list(WebhookDelivery.objects.values_list("event", flat=True)) == events


def test_only_webhooks_that_asked_for_the_event_are_told(hook: Webhook) -> None:
    webhooks.update(webhook=hook, changes={"events": ["import.failed"]})
    end(TaskFactory(project=hook.project), Status.SUCCESS)
    assert not WebhookDelivery.objects.exists()


def test_another_projects_webhooks_hear_nothing(hook: Webhook) -> None:
    end(TaskFactory(project=ProjectFactory()), Status.SUCCESS)
    assert not WebhookDelivery.objects.exists()


def test_failures_only_keeps_quiet_about_a_batch_in_which_nothing_failed(hook: Webhook) -> None:
    webhooks.update(webhook=hook, changes={"failures_only": True})
    for status in (Status.SUCCESS, Status.FAILED):
        batch = BatchFactory(project=hook.project)
        end(TaskFactory(project=hook.project, batch=batch, batch_index=0), status)
    told = list(WebhookDelivery.objects.values_list("event", flat=True))
    assert sorted(told) == ["batch.completed", "import.failed"]


def test_a_failed_delivery_is_tried_again_later_and_later(hook: Webhook, receiver: ScriptedServer) -> None:
    receiver._handler = lambda _request: Reply(500)
    delivery = owe(hook.project)
    pauses = []
    for attempt in range(1, webhooks.TRIES + 1):
        let_pass()
        before = timezone.now()
        assert webhooks.deliver_due() == 1
        delivery.refresh_from_db()
        assert (delivery.attempts, delivery.response_status) == (attempt, 500)
        pauses.append((delivery.next_attempt_at - before).total_seconds())
    assert delivery.state == State.FAILED
    assert [round(pause / expected, 0) for pause, expected in zip(pauses, webhooks.PAUSES, strict=False)] == [
        1.0
    ] * 9
    assert webhooks.deliver_due() == 0
    hook.refresh_from_db()
    assert hook.enabled, "failing for ever switches nothing off in silence"


def test_it_arrives_once_the_receiver_is_back(hook: Webhook, receiver: ScriptedServer) -> None:
    answers = iter([Reply(503), Reply(200)])
    receiver._handler = lambda _request: next(answers)
    delivery = owe(hook.project)
    webhooks.deliver_due()
    assert webhooks.deliver_due() == 0, "not before its time"
    let_pass()
    webhooks.deliver_due()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts, delivery.error) == (State.DELIVERED, 2, "")
    first, second = receiver.requests
    assert first.body == second.body
    assert first.headers["x-portal-delivery"] == second.headers["x-portal-delivery"]


def test_a_worker_that_dies_with_a_delivery_in_hand_loses_nothing(hook: Webhook) -> None:
    delivery = owe(hook.project)
    assert [each.pk for each in deliveries._claim(10)] == [delivery.pk]
    assert deliveries._claim(10) == [], "it is the other one's for now"
    WebhookDelivery.objects.update(next_attempt_at=timezone.now() - dt.timedelta(seconds=1))
    assert webhooks.deliver_due() == 1
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == (State.DELIVERED, 2)


def test_a_slow_receiver_does_not_hold_up_the_others(
    hook: Webhook, receiver: ScriptedServer, settings: Any
) -> None:
    """It answers none before all of its deliveries are there at once."""
    together = threading.Barrier(4)

    def answer(_request: Any) -> Reply:
        together.wait(60)
        return Reply(200)

    with ScriptedServer(answer) as slow:
        settings.WEBHOOK_PRIVATE_HOSTS = [receiver.server_name, slow.server_name]
        Webhook.objects.create(project=hook.project, url=slow.url, events=hook.events)
        for _ in range(4):
            owe(hook.project)
        webhooks.deliver_due()
    assert len(receiver.requests) == 4
    assert not WebhookDelivery.objects.exclude(state=State.DELIVERED).exists()


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


def test_an_unreadable_secret_is_a_failure_and_sends_nothing(
    hook: Webhook, receiver: ScriptedServer, settings: Any
) -> None:
    settings.CRYPTOGRAPHY_KEYS = ["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="]
    delivery = owe(hook.project)
    webhooks.deliver_due()
    delivery.refresh_from_db()
    assert delivery.state == State.PENDING
    assert "can't be decrypted" in delivery.error
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


def test_the_payload_is_made_only_where_someone_wants_it(hook: Webhook) -> None:
    made: list[int] = []

    def make() -> dict[str, Any]:
        made.append(1)
        return {}

    outbox.enqueue(project_id=ProjectFactory().pk, event=WebhookEvent.IMPORT_FAILED, failed=True, make=make)
    assert not made
    outbox.enqueue(project_id=hook.project_id, event=WebhookEvent.IMPORT_FAILED, failed=True, make=make)
    assert made == [1]


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


# --- what one account can do to another -----------------------------------------------------------------


@pytest.fixture
def silent(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """A receiver that never answers; tries at it end after a second."""
    monkeypatch.setattr(sender, "WHOLE_SECONDS", 1.0)
    with ScriptedServer() as server:

        def hang(_request: Any) -> Reply:
            server._stopping.wait(10)
            return Reply(200)

        server._handler = hang
        settings.WEBHOOK_PRIVATE_HOSTS = ["127.0.0.1", "localhost"]
        settings.OWN_ENDPOINTS = []
        yield server


def flood(silent: ScriptedServer, *, projects: int, hooks: int, each: int) -> None:
    """One account's webhooks to a silent receiver, each with so many deliveries that are due for long."""
    user = UserFactory()
    long_ago = timezone.now() - dt.timedelta(hours=1)
    for _ in range(projects):
        project = ProjectFactory(created_by=user)
        for number in range(hooks):
            made = Webhook.objects.create(
                project=project, url=f"{silent.url}/{number}", events=["import.failed"], created_by=user
            )
            WebhookDelivery.objects.bulk_create(
                WebhookDelivery(webhook=made, event="import.failed", next_attempt_at=long_ago)
                for _ in range(each)
            )


def test_a_delivery_waits_for_no_other_accounts_silent_receivers(
    hook: Webhook, receiver: ScriptedServer, silent: ScriptedServer
) -> None:
    """It is on its way with the first of theirs; they have sixty webhooks with something due."""
    before: list[int] = []

    def answer(_request: Any) -> Reply:
        before.append(len(silent.requests))
        return Reply(204)

    receiver._handler = answer
    flood(silent, projects=3, hooks=20, each=5)
    owe(hook.project)
    webhooks.deliver_due()
    assert before and before[0] <= deliveries.MAX_OF_ACCOUNT
    assert len(silent.requests) > deliveries.PARALLEL


def test_one_account_has_half_of_what_is_on_its_way(silent: ScriptedServer) -> None:
    flood(silent, projects=3, hooks=4, each=3)
    assert len(deliveries._claim(deliveries.PARALLEL)) == deliveries.MAX_OF_ACCOUNT


def test_accounts_take_turns_and_so_do_the_projects_of_one(hook: Webhook, silent: ScriptedServer) -> None:
    flood(silent, projects=2, hooks=2, each=4)
    for _ in range(8):
        owe(hook.project)
    claimed = [deliveries._claim(1)[0].webhook for _ in range(8)]
    mine = [each == hook for each in claimed]
    assert mine in ([True, False] * 4, [False, True] * 4)
    theirs = [each.project for each in claimed if each != hook]
    assert theirs[:2] == theirs[2:]
    assert len(set(theirs)) == 2


def test_a_webhook_that_just_failed_waits_with_all_its_deliveries(
    hook: Webhook, receiver: ScriptedServer
) -> None:
    receiver._handler = lambda _request: Reply(500)
    for _ in range(30):
        owe(hook.project)
    made = webhooks.deliver_due()
    assert 1 <= made <= deliveries.MAX_OF_ACCOUNT, "what was on its way already"
    assert webhooks.deliver_due() == 0
    hook.refresh_from_db()
    assert hook.failures == 1, "tries that were on their way together are one failure"
    pauses = []
    for failures in range(2, 8):
        Webhook.objects.update(resume_at=timezone.now())
        before = timezone.now()
        assert webhooks.deliver_due() == 1, "one of them is tried"
        hook.refresh_from_db()
        assert hook.failures == failures
        assert hook.resume_at is not None
        pauses.append((hook.resume_at - before).total_seconds())
    expected = [*deliveries.RESTS[1:], *[deliveries.RESTS[-1]] * 2]
    assert [round(pause / rest, 0) for pause, rest in zip(pauses, expected, strict=True)] == [1.0] * 6


def test_it_goes_on_with_all_of_them_once_the_receiver_is_back(
    hook: Webhook, receiver: ScriptedServer
) -> None:
    receiver._handler = lambda _request: Reply(500)
    for _ in range(6):
        owe(hook.project)
    webhooks.deliver_due()
    receiver._handler = lambda _request: Reply(200)
    let_pass()
    webhooks.deliver_due()
    hook.refresh_from_db()
    assert (hook.failures, hook.resume_at) == (0, None)
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {State.DELIVERED}


def test_what_a_failing_webhook_did_not_take_for_a_day_is_given_up(
    hook: Webhook, receiver: ScriptedServer
) -> None:
    receiver._handler = lambda _request: Reply(500)
    old = [owe(hook.project) for _ in range(8)]
    WebhookDelivery.objects.update(created_at=timezone.now() - deliveries.KEPT - dt.timedelta(minutes=1))
    new = owe(hook.project)
    webhooks.deliver_due()
    states = dict(WebhookDelivery.objects.values_list("pk", "state"))
    assert {states[each.pk] for each in old} == {State.FAILED}
    assert states[new.pk] == State.PENDING
    assert "for a day" in WebhookDelivery.objects.filter(attempts=0, state=State.FAILED)[0].error


def test_whoever_mends_a_webhook_or_sends_again_need_not_wait_for_the_end_of_its_rest(
    hook: Webhook, receiver: ScriptedServer
) -> None:
    receiver._handler = lambda _request: Reply(500)
    delivery = owe(hook.project)
    webhooks.deliver_due()
    receiver._handler = lambda _request: Reply(200)
    again = webhooks.redeliver(delivery=delivery, user=hook.created_by)
    webhooks.deliver_due()
    again.refresh_from_db()
    assert again.state == State.DELIVERED
    Webhook.objects.update(failures=3, resume_at=timezone.now() + dt.timedelta(hours=1))
    webhooks.update(webhook=hook, changes={"url": f"{receiver.url}/other"})
    hook.refresh_from_db()
    assert (hook.failures, hook.resume_at) == (0, None)


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
