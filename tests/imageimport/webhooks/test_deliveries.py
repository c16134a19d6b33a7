"""What becomes of a delivery: tried again, later and later, and in turns."""

from __future__ import annotations

import datetime as dt
import threading
from typing import Any

import pytest
from django.utils import timezone

from imageimport.models import Webhook, WebhookDelivery
from imageimport.webhooks import deliveries
from imageimport.webhooks import services as webhooks
from testbed.scripted_http import Reply, ScriptedServer
from tests.imageimport.webhooks.owing import State, owe
from tests.support.factories import ProjectFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


def let_pass() -> None:
    """All that waits is due: deliveries and webhooks that rest."""
    WebhookDelivery.objects.update(next_attempt_at=timezone.now())
    Webhook.objects.update(resume_at=None)


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
