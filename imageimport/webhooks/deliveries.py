"""Which deliveries go out now, and what becomes of each try.

A delivery is tried :data:`TRIES` times over some 16 hours. A webhook that just failed rests with all its deliveries,
and then is tried with one of them; a webhook that fails forever stays enabled, its log says so. Who is served next is
the account with the fewest on their way, then the one served longest ago, then its project served longest ago: so
however many events, webhooks or projects one account has, and however silent their receivers are, another's find a
place.
"""

from __future__ import annotations

import datetime as dt
import random
import time
from collections import Counter
from collections.abc import Collection
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import structlog
from django.core.cache import cache
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.exceptions import internal_error
from accounts.sign_in import throttling
from imageimport import turns
from imageimport.messages import english, of_error, parts
from imageimport.models import Webhook, WebhookDelivery
from imageimport.webhooks.sender import Parcel, Receipt, Receiver, send
from oci.errors import OciError
from oci.redaction import remember, scope
from projects.locking import Leases

log = structlog.get_logger(__name__)

#: Pauses after the first, second, … failed try of a delivery, seconds.
PAUSES: Final = (15, 60, 300, 900, 1800, 3600, 7200, 14400, 28800)
TRIES: Final = len(PAUSES) + 1
#: A webhook whose tries fail one after the other rests for this long, seconds; the last goes on.
RESTS: Final = (15, 30, 60, 120, 300)
#: What a webhook that fails has not taken for this long is given up.
KEPT: Final = dt.timedelta(hours=24)
#: A delivery under way is no one else's for a minute, longer than one takes at most.
CLAIMS: Final = Leases("next_attempt_at", 60)
#: Deliveries on their way at once, and those of one account among them.
PARALLEL: Final = 8
MAX_OF_ACCOUNT: Final = PARALLEL // 2
#: Addresses that one account's mails go to within five minutes; a mail to five counts five times.
MAX_MAILED: Final = 100
#: How long one round takes up new ones, seconds.
ROUND_SECONDS: Final = 10.0
_LOCK: Final = "webhooks:delivering"
_TOO_MUCH_MAIL: Final = gettext_noop(
    "The webhooks of one account can send email to %(limit)d addresses in five minutes. This email is sent later."
)
_GIVEN_UP: Final = gettext_noop("The receiver accepted nothing for a day, so the portal stopped trying.")


def deliver_due() -> int:
    """Send what is due, several at once, for :data:`ROUND_SECONDS` at most. Returns how many tries were made."""
    if not cache.add(_LOCK, 1, timeout=CLAIMS.seconds):
        return 0
    try:
        return _round()
    finally:
        cache.delete(_LOCK)


def _round() -> int:
    made, deadline = 0, time.monotonic() + ROUND_SECONDS
    under_way: dict[Future[Receipt], WebhookDelivery] = {}
    with ThreadPoolExecutor(max_workers=PARALLEL, thread_name_prefix="webhook") as pool:
        while True:
            # A place that is free is taken at once: no one waits for the slowest of a bunch.
            due = time.monotonic() < deadline
            claimed = _claim(PARALLEL - len(under_way), under_way.values()) if due else []
            for delivery in claimed:
                if not _held(delivery):
                    under_way[pool.submit(_attempt, delivery)] = delivery
                    made += 1
            if not under_way and not claimed:
                return made
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                with scope():
                    _write(under_way.pop(future), future.result())


# --- whose turn -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Hook:
    """A webhook that has something due."""

    pk: UUID
    account: str
    project: str
    is_failing: bool


def _claim(most: int, under_way: Collection[WebhookDelivery] = ()) -> list[WebhookDelivery]:
    """Due deliveries that are this caller's now; each try is counted before it is made.

    :param under_way: what has a place already.
    """
    now = timezone.now()
    hooks = _waiting(now) if most > 0 else []
    names = {name for hook in hooks for name in (hook.account, hook.project)}
    served = turns.served_at(turns.Kind.WEBHOOK, names)
    held = Counter(_account(each.webhook) for each in under_way)
    busy = {each.webhook_id for each in under_way}
    claimed: list[WebhookDelivery] = []

    def order(hook: _Hook) -> tuple[Any, ...]:
        account, project = hook.account, hook.project
        return (
            held[account],
            *turns.longest_ago(served, account),
            *turns.longest_ago(served, project),
            hook.pk,
        )

    while len(claimed) < most:
        hooks = [
            hook
            for hook in hooks
            if held[hook.account] < MAX_OF_ACCOUNT and not (hook.is_failing and hook.pk in busy)
        ]
        if not hooks:
            break
        hook = min(hooks, key=order)
        delivery = _take(hook, now)
        if delivery is None:
            hooks.remove(hook)
            continue
        claimed.append(delivery)
        held[hook.account] += 1
        busy.add(hook.pk)
        served[hook.account] = served[hook.project] = timezone.now()
    if claimed:
        turns.note(
            turns.Kind.WEBHOOK,
            {name for each in claimed for name in (_account(each.webhook), _project(each.webhook))},
            timezone.now(),
        )
    return claimed


def _waiting(now: dt.datetime) -> list[_Hook]:
    due = _due(now).filter(webhook=OuterRef("pk"))
    hooks = Webhook.objects.filter(Q(resume_at=None) | Q(resume_at__lte=now), Exists(due), enabled=True)
    return [
        _Hook(hook.pk, _account(hook), _project(hook), hook.failures > 0)
        for hook in hooks.only("pk", "project", "created_by", "failures").order_by()
    ]


def _due(now: dt.datetime) -> QuerySet[WebhookDelivery]:
    return WebhookDelivery.objects.filter(state=WebhookDelivery.State.PENDING, next_attempt_at__lte=now)


def _take(hook: _Hook, now: dt.datetime) -> WebhookDelivery | None:
    """The oldest due delivery of a webhook, unless another worker is quicker."""
    due = _due(now).filter(webhook=hook.pk).select_related("webhook__project")
    delivery = due.order_by("next_attempt_at").first()
    if delivery is None:
        return None
    as_seen = WebhookDelivery.objects.filter(
        pk=delivery.pk, state=WebhookDelivery.State.PENDING, attempts=delivery.attempts
    )
    if not CLAIMS.take(as_seen, now, attempts=delivery.attempts + 1):
        return None
    delivery.attempts += 1
    return delivery


def _account(webhook: Webhook) -> str:
    return turns.account_of(webhook.created_by_id, webhook.project_id)


def _project(webhook: Webhook) -> str:
    return turns.project_account(webhook.project_id)


# --- a try ----------------------------------------------------------------------------------------------------


def _held(delivery: WebhookDelivery) -> bool:
    """Whether it waits, which is no try of it and no failure of its webhook: its account's mails went to so many
    addresses. All who sign in can name addresses, and the mail server isn't there for bulk mail.
    """
    hook = delivery.webhook
    if hook.kind != Webhook.Kind.EMAIL:
        return False
    seconds = throttling.counted("mailed", _account(hook), most=MAX_MAILED, times=len(hook.addresses))
    if seconds:
        message = parts(_TOO_MUCH_MAIL, {"limit": MAX_MAILED})
        as_claimed = WebhookDelivery.objects.filter(
            pk=delivery.pk, state=WebhookDelivery.State.PENDING, attempts=delivery.attempts
        )
        as_claimed.update(
            attempts=F("attempts") - 1,
            next_attempt_at=timezone.now() + dt.timedelta(seconds=seconds),
            error=english(message),
            error_parts=message,
        )
    return seconds > 0


def _attempt(delivery: WebhookDelivery) -> Receipt:
    try:
        secret = delivery.webhook.secret.reveal()
    except OciError as exc:
        return Receipt(None, exc, 0)
    with scope(), remember(secret):
        hook = delivery.webhook
        receiver = Receiver(
            hook.url,
            secret,
            format=hook.format,
            language=hook.message_language,
            addresses=tuple(hook.addresses) if hook.kind == Webhook.Kind.EMAIL else (),
        )
        receipt = _sent(Parcel(receiver, delivery.pk, delivery.event, delivery.payload))
        for sentence in (receipt.error, receipt.note):
            if sentence is not None:
                # Here, where what is secret in it is known, and no other delivery's secret counts.
                sentence.params = of_error(sentence)["params"]
        return receipt


def _sent(parcel: Parcel) -> Receipt:
    """What no one foresaw is this delivery's failure; the others of the round go on."""
    try:
        return send(parcel)
    except Exception:
        error = internal_error()
        log.exception("webhook.internal_error", incident=error.params["incident"])
        return Receipt(None, error, 0)


def _write(delivery: WebhookDelivery, receipt: Receipt) -> None:
    now = timezone.now()
    values: dict[str, Any] = {"response_status": receipt.status, "duration_ms": receipt.duration_ms}
    if receipt.error is None:
        note = of_error(receipt.note) if receipt.note else {}
        values |= {
            "state": WebhookDelivery.State.DELIVERED,
            "delivered_at": now,
            "error": english(note),
            "error_parts": note,
        }
        Webhook.objects.filter(pk=delivery.webhook_id, failures__gt=0).update(failures=0, resume_at=None)
    else:
        message = of_error(receipt.error)
        values |= {"error": english(message), "error_parts": message}
        if delivery.attempts >= TRIES:
            values["state"] = WebhookDelivery.State.FAILED
        else:
            pause = PAUSES[delivery.attempts - 1] * random.uniform(0.9, 1.1)
            values["next_attempt_at"] = now + dt.timedelta(seconds=pause)
        log.warning(
            "webhook.not_delivered",
            delivery=str(delivery.pk),
            attempt=delivery.attempts,
            error=english(message),
        )
        _rest(delivery.webhook_id, now)
    # Only if no later try has claimed it.
    WebhookDelivery.objects.filter(
        pk=delivery.pk, state=WebhookDelivery.State.PENDING, attempts=delivery.attempts
    ).update(**values)


def _rest(webhook: UUID, now: dt.datetime) -> None:
    """The webhook just failed: its other deliveries wait with this one, those of a day are given up."""
    failures = Webhook.objects.filter(pk=webhook).values_list("failures", flat=True).first() or 0
    pause = RESTS[min(failures, len(RESTS) - 1)] * random.uniform(0.9, 1.1)
    # Tries that were on their way together are one failure.
    rested = Webhook.objects.filter(Q(resume_at=None) | Q(resume_at__lte=now), pk=webhook)
    rested.update(failures=F("failures") + 1, resume_at=now + dt.timedelta(seconds=pause))
    message = parts(_GIVEN_UP)
    old = WebhookDelivery.objects.filter(
        webhook=webhook, state=WebhookDelivery.State.PENDING, created_at__lt=now - KEPT
    )
    old.update(state=WebhookDelivery.State.FAILED, error=english(message), error_parts=message)
