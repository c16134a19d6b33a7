"""Deliveries owed to webhooks, written in the transaction of the event itself: none is lost, none is made up."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from imageimport.choices import WebhookEvent
from imageimport.models import Webhook, WebhookDelivery
from imageimport.webhooks.payloads import Payload


def enqueue(*, project_id: UUID, event: WebhookEvent, failed: bool, make: Callable[[], Payload]) -> int:
    """Owe an event to every webhook of the project that asked for it. Returns to how many.

    :param failed: whether anything failed, for those that want to hear of failures only.
    :param make: builds the payload; called once, and only where someone wants it.
    """
    hooks = Webhook.objects.filter(project=project_id, enabled=True).only("pk", "events", "failures_only")
    wanted = [hook for hook in hooks if event.value in hook.events and (failed or not hook.failures_only)]
    if not wanted:
        return 0
    payload = make()
    WebhookDelivery.objects.bulk_create(
        WebhookDelivery(webhook=hook, event=event.value, payload=payload) for hook in wanted
    )
    return len(wanted)
