"""Deliveries owed to webhooks, written in the transaction of the event itself: none is lost, none is made up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from imageimport.choices import WebhookEvent
from imageimport.models import Webhook, WebhookDelivery
from imageimport.webhooks.payloads import Payload


def enqueue(
    *,
    project_id: UUID,
    event: WebhookEvent,
    failed: bool,
    make: Callable[[], Payload],
    summary: WebhookEvent | None = None,
) -> int:
    """Owe an event to every webhook of the project that asked for it. Returns to how many.

    :param failed: whether anything failed, for those that want to hear of failures only.
    :param make: builds the payload; called once, and only where someone wants it.
    :param summary: the event that tells the same failure once, however often it happens. Those that want failures
        only and asked for it get it instead; those that did not ask for it would otherwise hear nothing.
    """
    return enqueue_all(project_id=project_id, event=event, failed=failed, makes=[make], summary=summary)


def enqueue_all(
    *,
    project_id: UUID,
    event: WebhookEvent,
    failed: bool,
    makes: Sequence[Callable[[], Payload]],
    summary: WebhookEvent | None = None,
) -> int:
    """As :func:`enqueue`, for several events of one kind at once."""

    def wants(hook: Webhook) -> bool:
        if event.value not in hook.events:
            return False
        told_once = summary is not None and summary.value in hook.events
        return not hook.failures_only or (failed and not told_once)

    hooks = Webhook.objects.filter(project=project_id, enabled=True).only("pk", "events", "failures_only")
    wanted = [hook for hook in hooks if wants(hook)]
    if not wanted:
        return 0
    made = [make() for make in makes]
    WebhookDelivery.objects.bulk_create(
        WebhookDelivery(webhook=hook, event=event.value, payload=payload)
        for payload in made
        for hook in wanted
    )
    return len(wanted)
