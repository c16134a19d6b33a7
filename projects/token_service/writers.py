"""Who writes to the registry, and holding them back while its garbage is collected.

The portal issues every token that lets a client push, and runs every import, so it knows. From the moment that a
collection is asked for, no one is let write; it begins once the last token of before has run out and no import writes.
Reading goes on.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Final

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.exceptions import ApplicationError
from projects.models import Collection, PushGrant
from projects.models.prepared import Prepared
from projects.token_service.tokens import LIFETIME, SKEW

#: A grant is written down once in this time, seconds: it counts as that much younger.
GRANT_EVERY: Final = 5
#: Distribution takes a token for this long after it has run out, seconds (``Leeway`` in
#: distribution/registry/auth/token/token.go).
LEEWAY: Final = 60
#: How long a token of before may be used after the last grant, seconds.
TOKEN_SECONDS: Final = LIFETIME + LEEWAY + SKEW + GRANT_EVERY
#: When to come back while the garbage is collected, seconds.
COME_BACK: Final = 30
HELD: Final = gettext_noop(
    "The registry is being cleaned up, so nothing can be pushed or deleted for a few minutes. Try again soon."
)
#: Each says until when someone else may still be writing (None: no one); asked before a collection begins.
writing: Final[list[Callable[[dt.datetime], dt.datetime | None]]] = []

_ONLY_ROW: Final = 1


#: A row of a collection that is under way.
_COLLECTION: Final = Prepared(
    lambda: Collection.objects.filter(state__in=Collection.OPEN).order_by().values_list("pk")[:1]
)


def held() -> bool:
    """Whether writers are held back now. One query."""
    return _COLLECTION.first() is not None


def refuse_while_held() -> None:
    """For what the portal itself would write at the registry on someone's behalf.

    :raises ApplicationError: ``registry_busy`` (503 with Retry-After).
    """
    if held():
        raise ApplicationError("registry_busy", HELD, retry_after=COME_BACK)


def note_grant(now: dt.datetime | None = None) -> None:
    """A client is let write from now on, for as long as a token lasts."""
    now = now or timezone.now()
    if PushGrant.objects.filter(pk=_ONLY_ROW, at__gt=now - dt.timedelta(seconds=GRANT_EVERY)).exists():
        return
    if PushGrant.objects.filter(pk=_ONLY_ROW).update(at=now):
        return
    try:
        with transaction.atomic():
            PushGrant.objects.create(pk=_ONLY_ROW, at=now)
    except IntegrityError:  # another process made it in between
        PushGrant.objects.filter(pk=_ONLY_ROW).update(at=now)


def written_until(now: dt.datetime) -> dt.datetime | None:
    """Until when someone may still be writing at the registry; None: no one is."""
    last = PushGrant.objects.filter(pk=_ONLY_ROW).values_list("at", flat=True).first()
    ends = [last + dt.timedelta(seconds=TOKEN_SECONDS)] if last is not None else []
    ends += [end for each in writing if (end := each(now)) is not None]
    latest = max(ends, default=now)
    return latest if latest > now else None
