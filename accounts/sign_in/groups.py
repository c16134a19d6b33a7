"""Groups that the identity provider names in a claim (``OIDC_GROUPS_CLAIM``); read whenever someone comes in by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from accounts.models import UserGroup

log = structlog.get_logger(__name__)

#: Of one person; an identity provider that sends more is cut off, and the log says so.
MAX_GROUPS: Final = 1000
_MAX_CHARS: Final = 255


def of_claims(documents: Mapping[str, Any]) -> set[str]:
    """The groups in what a provider said: its ``userinfo`` and ``id_token``, the first of them that has the claim.

    A claim's name is taken whole, else as a path (``realm_access.roles``). Its value is a list of names, or one name.
    """
    claim = settings.OIDC_GROUPS_CLAIM
    if not claim:
        return set()
    for name in ("userinfo", "id_token"):
        found = _at(documents.get(name), claim)
        if found is not None:
            texts = found if isinstance(found, list) else [found]
            return {text for text in texts if isinstance(text, str) and 0 < len(text) <= _MAX_CHARS}
    return set()


@transaction.atomic
def keep(user: User, names: set[str]) -> None:
    """What the user is in from now on; what else they were in ends."""
    kept = sorted(names)[:MAX_GROUPS]
    if len(names) > MAX_GROUPS:
        log.warning("groups.too_many", user=user.get_username(), count=len(names))
    rows = UserGroup.objects.filter(user=user)
    here = set(rows.values_list("name", flat=True))
    rows.exclude(name__in=kept).delete()
    UserGroup.objects.bulk_create(
        [UserGroup(user=user, name=name) for name in kept if name not in here], ignore_conflicts=True
    )


def _at(document: Any, claim: str) -> Any:
    if not isinstance(document, Mapping):
        return None
    if claim in document:
        return document[claim]
    for part in claim.split("."):
        document = document.get(part) if isinstance(document, Mapping) else None
    return document
