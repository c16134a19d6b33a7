"""Who is told of what."""

from __future__ import annotations

from typing import Any

import pytest

from imageimport.choices import Status, WebhookEvent
from imageimport.models import Webhook, WebhookDelivery
from imageimport.webhooks import outbox
from imageimport.webhooks import services as webhooks
from tests.imageimport.webhooks.owing import end
from tests.support.factories import BatchFactory, ProjectFactory, TaskFactory

pytestmark = pytest.mark.django_db(transaction=True)


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


def test_the_payload_is_made_only_where_someone_wants_it(hook: Webhook) -> None:
    made: list[int] = []

    def make() -> dict[str, Any]:
        made.append(1)
        return {}

    outbox.enqueue(project_id=ProjectFactory().pk, event=WebhookEvent.IMPORT_FAILED, failed=True, make=make)
    assert not made
    outbox.enqueue(project_id=hook.project_id, event=WebhookEvent.IMPORT_FAILED, failed=True, make=make)
    assert made == [1]
