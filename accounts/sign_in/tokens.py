"""API tokens: made, found and revoked here. Only a hash of them is ever stored."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Q
from django.utils import timezone

from accounts.models import ApiToken

#: Marks our tokens, for people and for secret scanners.
MARK = "rpt_"
PREFIX_LENGTH = len(MARK) + 10
#: 43 characters of 62 are 256 random bits.
SECRET_LENGTH = 43
#: How exact ``last_used_at`` is; a write for every call would cost more than the call.
LAST_USED_EVERY = timedelta(seconds=60)
MAX_DAYS = 3650
_ALPHABET = string.ascii_letters + string.digits
_WHOLE = re.compile(
    rf"{MARK}[A-Za-z0-9]{{{PREFIX_LENGTH - len(MARK)}}}_[A-Za-z0-9]{{{SECRET_LENGTH}}}", re.ASCII
)


def random_text(length: int) -> str:
    """Letters and digits, 5.95 random bits each."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def digest_of(secret: str) -> str:
    """The hash that is stored. A random secret of 256 bits needs no slow one."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def create_token(
    *,
    user: User,
    name: str = "",
    expires_in_days: int | None = None,
    scope: str = ApiToken.Scope.ADMIN,
) -> tuple[ApiToken, str]:
    """A new token of ``user``: the row, and the text that is shown this once."""
    prefix = MARK + random_text(PREFIX_LENGTH - len(MARK))
    text = f"{prefix}_{random_text(SECRET_LENGTH)}"
    row = ApiToken.objects.create(
        user=user,
        name=name,
        prefix=prefix,
        digest=digest_of(text),
        scope=scope,
        expires_at=expiry(expires_in_days),
    )
    return row, text


def expiry(days: int | None) -> datetime | None:
    """The moment ``days`` from now; None stays None (never)."""
    return None if days is None else timezone.now() + timedelta(days=days)


def find_token(text: str) -> ApiToken | None:
    """The token that ``text`` is, if it is valid now and its user may sign in; its use is noted."""
    if not _WHOLE.fullmatch(text):
        return None
    row = ApiToken.objects.select_related("user").filter(prefix=text[:PREFIX_LENGTH]).first()
    if row is None or not hmac.compare_digest(row.digest, digest_of(text)):
        return None
    now = timezone.now()
    if not row.user.is_active or (row.expires_at is not None and row.expires_at <= now):
        return None
    stale = now - LAST_USED_EVERY
    if row.last_used_at is None or row.last_used_at < stale:
        ApiToken.objects.filter(Q(last_used_at=None) | Q(last_used_at__lt=stale), pk=row.pk).update(
            last_used_at=now
        )
    return row
