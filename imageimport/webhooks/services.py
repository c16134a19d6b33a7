"""Webhooks and what is sent to them: made, changed, removed, sent again. See :mod:`imageimport.webhooks.deliveries`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.exceptions import ApplicationError, FieldErrors, sentence_of
from accounts.sign_in import throttling
from imageimport.choices import EVENTS_UNASKED, WebhookEvent
from imageimport.messages import english, parts
from imageimport.models import Webhook, WebhookDelivery
from imageimport.webhooks import digest, payloads
from imageimport.webhooks.deliveries import PAUSES, TRIES, deliver_due
from imageimport.webhooks.mail import checked_addresses
from imageimport.webhooks.sender import check_url
from oci.errors import OciError
from projects import audit
from projects.locking import locked
from projects.models import Project

__all__ = [
    "MAX_BY_HAND",
    "MAX_WEBHOOKS",
    "PAUSES",
    "TRIES",
    "create",
    "delete",
    "deliver_due",
    "redeliver",
    "send_test",
    "update",
]

#: The event of a message that is sent to see whether messages arrive.
TEST_EVENT: Final = "test"
#: Webhooks of one project.
MAX_WEBHOOKS: Final = 20
#: Deliveries that one person asks for by hand (a test, an event once more), in all projects, within five minutes.
MAX_BY_HAND: Final = 30


# --- what people do -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWebhook:
    """The fields of a webhook as the contract names them. ``secret`` is plain here."""

    url: str = ""
    kind: str = Webhook.Kind.WEBHOOK
    addresses: Sequence[str] = ()
    secret: str = field(default="", repr=False)
    events: Iterable[str] = EVENTS_UNASKED
    enabled: bool = True
    failures_only: bool = False
    format: str = Webhook.Format.JSON
    #: One of ``LANGUAGES``; empty: the project's.
    language: str = ""


@transaction.atomic
def create(*, project: Project, user: User | None, wanted: NewWebhook) -> Webhook:
    """A new webhook.

    :raises FieldErrors: on ``url``, ``addresses``, ``kind`` or ``events``.
    :raises ApplicationError: ``too_many_webhooks``: the project has :data:`MAX_WEBHOOKS`.
    """
    _check_room(project)
    hook = Webhook(
        project=project,
        kind=wanted.kind,
        secret=wanted.secret,
        **_checked_place(wanted.kind, wanted.url, wanted.addresses),
        events=_checked_events(wanted.events),
        enabled=wanted.enabled,
        failures_only=wanted.failures_only,
        format=wanted.format,
        language=wanted.language,
        created_by=user,
    )
    _set_digest(hook)
    hook.save(force_insert=True)
    audit.record("webhook.created", hook)
    return hook


@transaction.atomic
def update(*, webhook: Webhook, changes: Mapping[str, Any]) -> Webhook:
    """Change a webhook; ``secret`` stays unless given.

    :raises FieldErrors: on ``url``, ``addresses``, ``kind`` or ``events``.
    """
    locked(webhook, "project")
    values = dict(changes)
    place = {name: values.get(name, getattr(webhook, name)) for name in ("kind", "url", "addresses")}
    # What is switched off where it is sends nothing: that needs no mail server, and no address that is still allowed.
    stays = all(place[name] == getattr(webhook, name) for name in place)
    if values.keys() & place.keys() and not (stays and values.get("enabled", webhook.enabled) is False):
        values |= _checked_place(**place)
    if "events" in values:
        values["events"] = _checked_events(values["events"])
    for name, value in values.items():
        setattr(webhook, name, value)
    # Anyone who repairs a webhook need not wait for the end of its rest.
    webhook.failures, webhook.resume_at = 0, None
    if values.keys() & {"events", "enabled"}:
        _set_digest(webhook)
    webhook.save(update_fields=[*values, "digest_at", "failures", "resume_at", "updated_at"])
    if not webhook.enabled:
        _drop_pending(webhook)
    audit.record("webhook.changed", webhook, changed=sorted(values))
    return webhook


@transaction.atomic
def delete(*, webhook: Webhook) -> None:
    """Remove a webhook and its log."""
    audit.record("webhook.deleted", webhook)
    webhook.delete()


@transaction.atomic
def redeliver(*, delivery: WebhookDelivery, user: User | None) -> WebhookDelivery:
    """Send an event once more, as a delivery of its own with the same payload.

    :raises ApplicationError: ``throttled``: this person asked for too many.
    """
    _check_pace(user)
    again = WebhookDelivery.objects.create(
        webhook=delivery.webhook, event=delivery.event, payload=delivery.payload
    )
    Webhook.objects.filter(pk=delivery.webhook_id).update(resume_at=None)
    audit.record("webhook.redelivered", delivery.webhook, delivery=str(delivery.pk))
    return again


@transaction.atomic
def send_test(*, webhook: Webhook, user: User | None) -> WebhookDelivery:
    """Owe it a message that only says that messages arrive, also while it is switched off or rests.

    :raises ApplicationError: ``throttled``: this person asked for too many.
    """
    _check_pace(user)
    made = WebhookDelivery.objects.create(
        webhook=webhook, event=TEST_EVENT, payload=payloads.of_test(TEST_EVENT, webhook.project)
    )
    Webhook.objects.filter(pk=webhook.pk).update(resume_at=None)
    audit.record("webhook.tested", webhook, delivery=str(made.pk))
    return made


# --- checks ---------------------------------------------------------------------------------------------------


def _check_room(project: Project) -> None:
    # Under the project's lock, so that two at once can't both be the last.
    Project.objects.select_for_update().only("pk").get(pk=project.pk)
    if Webhook.objects.filter(project=project).count() >= MAX_WEBHOOKS:
        raise ApplicationError(
            "too_many_webhooks",
            gettext_noop("A project can have at most %(limit)d webhooks."),
            limit=MAX_WEBHOOKS,
        )


def _check_pace(user: User | None) -> None:
    """Anyone who signs in may make a project: the portal sends no stream of messages to others at their command."""
    wait = throttling.counted("webhook-by-hand", str(user.pk), most=MAX_BY_HAND) if user else 0
    if wait:
        raise ApplicationError(
            "throttled",
            gettext_noop("You sent too many messages. Try again in a few minutes."),
            retry_after=wait,
        )


def _set_digest(webhook: Webhook) -> None:
    wants = webhook.enabled and WebhookEvent.WEEKLY_DIGEST.value in webhook.events
    webhook.digest_at = (webhook.digest_at or digest.next_at(timezone.now())) if wants else None


def _drop_pending(webhook: Webhook) -> None:
    error_parts = parts(gettext_noop("The webhook was disabled before this event could be delivered."))
    WebhookDelivery.objects.filter(webhook=webhook, state=WebhookDelivery.State.PENDING).update(
        state=WebhookDelivery.State.FAILED, error=english(error_parts), error_parts=error_parts
    )


def _checked_place(kind: str, url: str, addresses: Sequence[str]) -> dict[str, Any]:
    """Where it tells; what is of the other kind is emptied."""
    if kind == Webhook.Kind.EMAIL:
        return {"url": "", "addresses": checked_addresses(addresses)}
    return {"url": _checked_url(url), "addresses": []}


def _checked_url(url: str) -> str:
    text = url.strip()
    try:
        check_url(text)
    except OciError as exc:
        raise FieldErrors({"url": [sentence_of(exc)]}) from exc
    return text


def _checked_events(events: Iterable[str]) -> list[str]:
    asked = set(events)
    unknown = asked - set(WebhookEvent.values)
    if unknown or not asked:
        known = ", ".join(WebhookEvent.values)
        raise FieldErrors({"events": [_("Choose at least one of %(events)s.") % {"events": known}]})
    return [event for event in WebhookEvent.values if event in asked]
