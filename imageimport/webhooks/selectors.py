"""Webhooks of a project, and the log of their deliveries."""

from __future__ import annotations

from django.db.models import OuterRef, QuerySet, Subquery

from imageimport.models import Webhook, WebhookDelivery
from projects.models import Project


def webhooks_of(project: Project) -> QuerySet[Webhook]:
    """Each with the state of its latest delivery as ``last_state`` and ``last_at``."""
    latest = WebhookDelivery.objects.filter(webhook=OuterRef("pk")).order_by("-created_at", "-id")
    return (
        Webhook.objects.filter(project=project)
        .defer("secret")
        .annotate(
            last_state=Subquery(latest.values("state")[:1]), last_at=Subquery(latest.values("created_at")[:1])
        )
    )


def deliveries_of(webhook: Webhook) -> QuerySet[WebhookDelivery]:
    """The log of a webhook, newest first."""
    return WebhookDelivery.objects.filter(webhook=webhook)
