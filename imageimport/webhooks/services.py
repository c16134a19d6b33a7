"""Webhooks and what is sent to them: made, changed, removed, sent again. See :mod:`imageimport.webhooks.deliveries`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from imageimport.choices import WebhookEvent
from imageimport.exceptions import FieldErrors, Refused
from imageimport.messages import english, of_error, parts, shown
from imageimport.models import Webhook, WebhookDelivery
from imageimport.webhooks.deliveries import PAUSES, TRIES, deliver_due
from imageimport.webhooks.sender import check_url
from oci.errors import OciError, gettext_noop
from projects import audit
from projects.locking import locked
from projects.models import Project

__all__ = [
    "MOST",
    "PAUSES",
    "TRIES",
    "create",
    "delete",
    "deliver_due",
    "deliveries_of",
    "redeliver",
    "update",
]

#: Webhooks of one project.
MOST: Final = 20


# --- what people do -------------------------------------------------------------------------------------------


@transaction.atomic
def create(
    *,
    project: Project,
    user: User | None,
    url: str,
    secret: str = "",
    events: Iterable[str] = tuple(WebhookEvent.values),
    enabled: bool = True,
    failures_only: bool = False,
    audit_request: HttpRequest | None = None,
) -> Webhook:
    """A new webhook.

    :raises FieldErrors: on ``url`` or ``events``.
    :raises Refused: ``too_many_webhooks``: the project has :data:`MOST`.
    """
    _check_room(project)
    hook = Webhook(
        project=project,
        url=_checked_url(url),
        secret=secret,
        events=_checked_events(events),
        enabled=enabled,
        failures_only=failures_only,
        created_by=user,
    )
    hook.save(force_insert=True)
    _journal("webhook.created", hook, user, audit_request)
    return hook


@transaction.atomic
def update(
    *,
    webhook: Webhook,
    user: User | None,
    changes: Mapping[str, Any],
    audit_request: HttpRequest | None = None,
) -> Webhook:
    """Change a webhook; ``secret`` stays unless given.

    :raises FieldErrors: on ``url`` or ``events``.
    """
    locked(webhook, "project")
    values = dict(changes)
    if "url" in values:
        values["url"] = _checked_url(values["url"])
    if "events" in values:
        values["events"] = _checked_events(values["events"])
    for name, value in values.items():
        setattr(webhook, name, value)
    # Whoever mends a webhook need not wait for the end of its rest.
    webhook.failures, webhook.resume_at = 0, None
    webhook.save(update_fields=[*values, "failures", "resume_at", "updated_at"])
    if not webhook.enabled:
        _drop_pending(webhook)
    _journal("webhook.changed", webhook, user, audit_request, changed=sorted(values))
    return webhook


@transaction.atomic
def delete(*, webhook: Webhook, user: User | None, audit_request: HttpRequest | None = None) -> None:
    """Remove a webhook and its log."""
    _journal("webhook.deleted", webhook, user, audit_request)
    webhook.delete()


@transaction.atomic
def redeliver(
    *, delivery: WebhookDelivery, user: User | None, audit_request: HttpRequest | None = None
) -> WebhookDelivery:
    """Send an event once more, as a delivery of its own with the same payload."""
    again = WebhookDelivery.objects.create(
        webhook=delivery.webhook, event=delivery.event, payload=delivery.payload
    )
    Webhook.objects.filter(pk=delivery.webhook_id).update(resume_at=None)
    _journal("webhook.redelivered", delivery.webhook, user, audit_request, delivery=str(delivery.pk))
    return again


def deliveries_of(webhook: Webhook) -> QuerySet[WebhookDelivery]:
    """The log of a webhook, newest first."""
    return WebhookDelivery.objects.filter(webhook=webhook)


# --- checks ---------------------------------------------------------------------------------------------------


def _check_room(project: Project) -> None:
    # Under the project's lock, so that two at once can't both be the last.
    Project.objects.select_for_update().only("pk").get(pk=project.pk)
    if Webhook.objects.filter(project=project).count() >= MOST:
        raise Refused("too_many_webhooks", _("A project has at most %(limit)d webhooks.") % {"limit": MOST})


def _drop_pending(webhook: Webhook) -> None:
    said = parts(gettext_noop("The webhook was switched off before this could be delivered."))
    WebhookDelivery.objects.filter(webhook=webhook, state=WebhookDelivery.State.PENDING).update(
        state=WebhookDelivery.State.FAILED, error=english(said), error_parts=said
    )


def _checked_url(url: str) -> str:
    text = url.strip()
    try:
        check_url(text)
    except OciError as exc:
        raise FieldErrors({"url": [shown("", of_error(exc))]}) from exc
    return text


def _checked_events(events: Iterable[str]) -> list[str]:
    asked = set(events)
    unknown = asked - set(WebhookEvent.values)
    if unknown or not asked:
        known = ", ".join(WebhookEvent.values)
        raise FieldErrors({"events": [_("Choose at least one of %(events)s.") % {"events": known}]})
    return [event for event in WebhookEvent.values if event in asked]


def _journal(
    action: str, hook: Webhook, user: User | None, request: HttpRequest | None, **detail: Any
) -> None:
    # The query may hold a receiver's token; the journal is read by more people and for longer.
    where = hook.url.partition("?")[0]
    audit.record(
        action=action, actor=user, project=hook.project, subject=where, detail=detail, request=request
    )
