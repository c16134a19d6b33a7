"""Webhooks of a project, and the deliveries that are owed to them.

A delivery is tried :data:`TRIES` times over some 16 hours. A webhook that fails for ever stays enabled: its log says
so, and whoever looks after it decides.
"""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import structlog
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from imageimport.choices import WebhookEvent
from imageimport.delivering import Parcel, Receipt, check_url, send
from imageimport.models import Webhook, WebhookDelivery
from imageimport.requests import FieldErrors
from imageimport.sentences import english, of_error, parts, shown
from oci.errors import OciError, gettext_noop
from oci.scrub import remember, scope
from projects import audit
from projects.models import Project

log = structlog.get_logger(__name__)

#: Pauses after the first, second, … failed try, seconds.
PAUSES: Final = (15, 60, 300, 900, 1800, 3600, 7200, 14400, 28800)
TRIES: Final = len(PAUSES) + 1
#: A delivery under way is nobody else's for so long, seconds; longer than one takes at most.
CLAIM: Final = 60
#: Deliveries on their way at once, and how long one round goes on, seconds.
PARALLEL: Final = 8
ROUND_SECONDS: Final = 10.0
_LOCK: Final = "webhooks:delivering"


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
    """
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
    values = dict(changes)
    if "url" in values:
        values["url"] = _checked_url(values["url"])
    if "events" in values:
        values["events"] = _checked_events(values["events"])
    for name, value in values.items():
        setattr(webhook, name, value)
    webhook.save(update_fields=[*values, "updated_at"])
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
    _journal("webhook.redelivered", delivery.webhook, user, audit_request, delivery=str(delivery.pk))
    return again


def deliveries_of(webhook: Webhook) -> QuerySet[WebhookDelivery]:
    """The log of a webhook, newest first."""
    return WebhookDelivery.objects.filter(webhook=webhook)


# --- what the worker does -------------------------------------------------------------------------------------


def deliver_due() -> int:
    """Send what is due, several at once, for :data:`ROUND_SECONDS` at most. Returns how many tries were made."""
    if not cache.add(_LOCK, 1, timeout=CLAIM):
        return 0
    try:
        return _rounds()
    finally:
        cache.delete(_LOCK)


def _rounds() -> int:
    made, deadline = 0, time.monotonic() + ROUND_SECONDS
    with ThreadPoolExecutor(max_workers=PARALLEL, thread_name_prefix="webhook") as pool:
        while time.monotonic() < deadline:
            claimed = _claim(PARALLEL * 2)
            if not claimed:
                break
            made += len(claimed)
            for delivery, receipt in zip(claimed, pool.map(_attempt, claimed), strict=True):
                with scope():
                    _write(delivery, receipt)
    return made


def _claim(most: int) -> list[WebhookDelivery]:
    """Due deliveries that are this caller's now; each try is counted before it is made."""
    now = timezone.now()
    due = WebhookDelivery.objects.filter(state=WebhookDelivery.State.PENDING, next_attempt_at__lte=now)
    due = due.filter(webhook__enabled=True).select_related("webhook").order_by("next_attempt_at")
    claimed = []
    for delivery in due[:most]:
        mine = WebhookDelivery.objects.filter(
            pk=delivery.pk, state=WebhookDelivery.State.PENDING, attempts=delivery.attempts
        ).update(attempts=delivery.attempts + 1, next_attempt_at=now + dt.timedelta(seconds=CLAIM))
        if mine:
            delivery.attempts += 1
            claimed.append(delivery)
    return claimed


def _attempt(delivery: WebhookDelivery) -> Receipt:
    try:
        secret = delivery.webhook.secret.reveal()
    except OciError as exc:
        return Receipt(None, exc, 0)
    with scope(), remember(secret):
        receipt = send(Parcel(delivery.webhook.url, delivery.pk, delivery.event, delivery.payload, secret))
        if receipt.error is not None:
            # Here, where what is secret in it is known, and no other delivery's secret counts.
            receipt.error.params = of_error(receipt.error)["params"]
        return receipt


def _write(delivery: WebhookDelivery, receipt: Receipt) -> None:
    now = timezone.now()
    values: dict[str, Any] = {"response_status": receipt.status, "duration_ms": receipt.duration_ms}
    if receipt.error is None:
        values |= {
            "state": WebhookDelivery.State.DELIVERED,
            "delivered_at": now,
            "error": "",
            "error_parts": {},
        }
    else:
        said = of_error(receipt.error)
        values |= {"error": english(said), "error_parts": said}
        if delivery.attempts >= TRIES:
            values["state"] = WebhookDelivery.State.FAILED
        else:
            pause = PAUSES[delivery.attempts - 1] * random.uniform(0.9, 1.1)
            values["next_attempt_at"] = now + dt.timedelta(seconds=pause)
        log.warning(
            "webhook.not_delivered", delivery=str(delivery.pk), attempt=delivery.attempts, error=english(said)
        )
    # Claimed by this try alone: one that came later and counted on has the word.
    WebhookDelivery.objects.filter(
        pk=delivery.pk, state=WebhookDelivery.State.PENDING, attempts=delivery.attempts
    ).update(**values)


def _drop_pending(webhook: Webhook) -> None:
    said = parts(gettext_noop("The webhook was switched off before this could be delivered."))
    WebhookDelivery.objects.filter(webhook=webhook, state=WebhookDelivery.State.PENDING).update(
        state=WebhookDelivery.State.FAILED, error=english(said), error_parts=said
    )


# --- checks ---------------------------------------------------------------------------------------------------


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
