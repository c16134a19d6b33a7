"""The weekly digest by mail for a member who wants it: to the address of their account, for as long as they have a role
in the project. The row is the outbox: it says when the next mail is due, and how often the one that is was tried.
"""

from __future__ import annotations

import datetime as dt
import random
import time
from typing import Any, Final
from uuid import UUID, uuid5

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.signing import BadSignature, Signer
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.exceptions import ApplicationError, internal_error
from imageimport.webhooks import digest, mail, payloads
from imageimport.webhooks.deliveries import PAUSES, ROUND_SECONDS, TRIES
from imageimport.webhooks.links import link
from oci.errors import OciError
from projects.locking import Leases
from projects.models import DigestSubscription, Project
from projects.permissions import role_of

log = structlog.get_logger(__name__)

#: A mail under way is no one else's for a minute, longer than one takes at most.
CLAIMS: Final = Leases("due_at", 60)
_LOCK: Final = "digests:sending"
_SIGNER: Final = Signer(salt="imageimport.webhooks.subscriptions")
Payload = dict[str, Any]


def subscription_of(*, project: Project, user: User) -> DigestSubscription | None:
    """The user's own; None: they get no digest of the project."""
    return DigestSubscription.objects.filter(project=project, user=user).first()


def subscribe(*, project: Project, user: User) -> DigestSubscription:
    """Send the user the project's digest each week; what they have already stays.

    :raises ApplicationError: ``permission_denied``: they have no role of their own in the project; ``mail_disabled``:
        the installation sends no mail; ``no_email``: their account has no address.
    """
    if role_of(user, project) is None:
        raise ApplicationError(
            "permission_denied", gettext_noop("Only members of the project can subscribe to its digest.")
        )
    if not settings.MAIL_ENABLED:
        raise ApplicationError(
            "mail_disabled",
            gettext_noop("This portal can't send email. Ask the administrator to set EMAIL_URL."),
        )
    if not user.email:
        raise ApplicationError(
            "no_email",
            gettext_noop("Your account has no email address. Ask the administrator to add one."),
        )
    due = {"due_at": digest.next_at(timezone.now())}
    return DigestSubscription.objects.get_or_create(project=project, user=user, defaults=due)[0]


def unsubscribe(*, project: Project, user: User) -> None:
    """Send them no more."""
    DigestSubscription.objects.filter(project=project, user=user).delete()


def way_out(row: DigestSubscription) -> str:
    """The address that ends a subscription for anyone who has it: it is in the mails, and holds for this row alone."""
    return link(reverse("digest-leave", args=[_SIGNER.sign(row.pk.hex)]))


def id_of(token: str) -> UUID | None:
    """Which subscription a token of :func:`way_out` is for, whether it is still there or not; None: it is forged."""
    try:
        return UUID(_SIGNER.unsign(token))
    except (BadSignature, ValueError):
        return None


# --- sending --------------------------------------------------------------------------------------------------


def send_due() -> int:
    """Send what is due, for :data:`ROUND_SECONDS` at most. Returns how many mails went out."""
    if not settings.MAIL_ENABLED or not cache.add(_LOCK, 1, timeout=CLAIMS.seconds):
        return 0
    try:
        return _round()
    finally:
        cache.delete(_LOCK)


def _round() -> int:
    sent, deadline = 0, time.monotonic() + ROUND_SECONDS
    told: dict[UUID, Payload] = {}
    while time.monotonic() < deadline:
        now = timezone.now()
        row = _take(now)
        if row is None:
            break
        if role_of(row.user, row.project) is None:
            row.delete()
            continue
        error = _sent(row, now, told) if row.user.email else None
        _write(row, now, error)
        if error is not None:
            # The server may be away, and then it is for all of them.
            break
        sent += bool(row.user.email)
    return sent


def _take(now: dt.datetime) -> DigestSubscription | None:
    """The one that waits longest, this caller's now; its try is counted before it is made."""
    due = DigestSubscription.objects.filter(due_at__lte=now).select_related("project", "user")
    for row in due.order_by("due_at", "pk")[:10]:
        as_seen = DigestSubscription.objects.filter(pk=row.pk, due_at=row.due_at, tries=row.tries)
        if CLAIMS.take(as_seen, now, tries=row.tries + 1):
            row.tries += 1
            return row
    return None


def _sent(row: DigestSubscription, now: dt.datetime, told: dict[UUID, Payload]) -> OciError | None:
    """Send it; None, or why it did not go.

    :param told: what the digests of this round say, by their projects.
    """
    project = row.project
    try:
        if project.pk not in told:
            told[project.pk] = payloads.of_digest(digest.EVENT, project, digest.of_project(project, now))
        mail.send(
            [row.user.email],
            # The same in all tries of a week.
            delivery=uuid5(row.pk, str(digest.next_at(now))),
            event=digest.EVENT,
            payload=told[project.pk],
            language=project.language,
            unsubscribe=way_out(row),
        )
    except OciError as exc:
        return exc
    except Exception:
        # What no one foresaw is this mail's failure.
        error = internal_error()
        log.exception("digest.internal_error", incident=error.params["incident"])
        return error
    return None


def _write(row: DigestSubscription, now: dt.datetime, error: OciError | None) -> None:
    """The next is due in a week, or this one again after a pause."""
    values: dict[str, Any] = {"due_at": digest.next_at(now), "tries": 0}
    if error is not None:
        log.warning("digest.not_sent", subscription=str(row.pk), attempt=row.tries, error=str(error))
        if row.tries < TRIES:
            pause = PAUSES[row.tries - 1] * random.uniform(0.9, 1.1)
            values = {"due_at": now + dt.timedelta(seconds=pause)}
    # Only if no later try has claimed it.
    DigestSubscription.objects.filter(pk=row.pk, tries=row.tries).update(**values)
