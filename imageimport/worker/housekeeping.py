"""What beat does: every few seconds make good what a dead worker or a lost message left, twice an hour remove what has
served its time: layer rows, kept credentials of failed imports, old keys, deliveries, sessions.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import Any, Final

import structlog
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import KnownAddress
from imageimport import turns
from imageimport.choices import TERMINAL
from imageimport.metrics import counters
from imageimport.models import (
    AccountTurn,
    IdempotencyKey,
    ImportLayer,
    ImportTask,
    ReferrerAnnouncement,
    SourceWay,
    WebhookDelivery,
)
from imageimport.policy import old_sights
from imageimport.registries import ways
from imageimport.registries.announcements import remembered_since
from imageimport.worker import completion, dispatch
from imageimport.worker.leases import take_over_lost
from projects.models import AuditEvent
from projects.token_service import refusals

log = structlog.get_logger(__name__)

#: Rows removed by one statement, so that no lock is held for long.
BATCH: Final = 5000
#: An Idempotency-Key is remembered this long, hours.
KEY_HOURS: Final = 24
#: An account's address is known for this long after the last sign-in from it, days.
KNOWN_ADDRESS_DAYS: Final = 180
#: Events of the audit log that callers from outside can cause without having done anything.
REFUSED: Final = ("registry.refused", "registry.sign_in_failed")


def sweep() -> None:
    """Take over what lost its heartbeat, then hint for what waits and may start."""
    lost = take_over_lost()
    counters.fold()
    cache.set(counters.SWEPT, time.time(), None)
    free = settings.IMPORT_MAX_RUNNING - ImportTask.objects.occupying().count()
    if free <= 0:
        return
    waiting = ImportTask.objects.eligible(timezone.now()).order_by().values("pk")[:free].count()
    if waiting:
        log.info("sweep.hinted", waiting=waiting, taken_over=lost)
        dispatch.send(waiting)


def prune(now: dt.datetime | None = None) -> dict[str, int]:
    """One round of cleaning. Returns how many rows of each kind went or were emptied."""
    now = now or timezone.now()
    return {
        "credentials": erase_credentials(now),
        "layers": _delete(
            ImportLayer.objects.filter(
                task__status__in=TERMINAL,
                task__completed_at__lt=now - dt.timedelta(days=settings.LAYER_RETENTION_DAYS),
            )
        ),
        "keys": _delete(IdempotencyKey.objects.filter(created_at__lt=now - dt.timedelta(hours=KEY_HOURS))),
        "deliveries": _delete(
            WebhookDelivery.objects.filter(
                created_at__lt=now - dt.timedelta(days=settings.WEBHOOK_RETENTION_DAYS)
            ).exclude(state=WebhookDelivery.State.PENDING)
        ),
        "turns": _delete(AccountTurn.objects.filter(served_at__lt=now - dt.timedelta(days=turns.REMEMBERED))),
        "announcements": _delete(ReferrerAnnouncement.objects.filter(at__lt=remembered_since(now))),
        "sights": old_sights.forget(now),
        "ways": _delete(SourceWay.objects.filter(seen_at__lt=now - ways.KEPT)),
        "refusals": refusals.fold(now)
        + _delete(
            AuditEvent.objects.filter(
                action__in=REFUSED, at__lt=now - dt.timedelta(days=settings.REFUSAL_RETENTION_DAYS)
            )
        ),
        "sessions": _delete(Session.objects.filter(expire_date__lt=now)),
        "known addresses": _delete(
            KnownAddress.objects.filter(seen_at__lt=now - dt.timedelta(days=KNOWN_ADDRESS_DAYS))
        ),
    }


def erase_credentials(now: dt.datetime) -> int:
    """Failed imports keep their credentials for a retry, but not for longer than CREDENTIAL_RETENTION_HOURS."""
    kept_since = now - dt.timedelta(hours=settings.CREDENTIAL_RETENTION_HOURS)
    return completion.erase_credentials(ImportTask.objects.failed().filter(completed_at__lte=kept_since))


def _delete(rows: QuerySet[Any]) -> int:
    gone = 0
    while keys := list(rows.order_by().values_list("pk", flat=True)[:BATCH]):
        gone += rows.model._default_manager.filter(pk__in=keys).delete()[0]
    return gone
