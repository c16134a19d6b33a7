"""``Idempotency-Key``: asking again with the same key and body gives the first answer and makes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext_noop

from accounts.exceptions import ApplicationError
from imageimport.models import IdempotencyKey

#: Longer keys are refused, characters.
MAX_KEY_CHARS = 255


def once(*, user: User, key: str, where: str, body: Any, make: Callable[[], UUID]) -> UUID:
    """The id of what ``make`` made, now or when the key was first used.

    Key and result are committed together; a call that runs at the same time waits for the first one's commit.

    :param where: method and path, part of what has to be the same.
    :param body: the body as parsed; it is kept as a keyed hash only, since it may hold a password.
    :raises ApplicationError: ``idempotency_mismatch`` (422) for another body, ``invalid_idempotency_key`` (400).
    """
    if not key:
        return make()
    fingerprint = _fingerprint(key, where, body)
    with transaction.atomic():
        try:
            with transaction.atomic():
                row = IdempotencyKey.objects.create(user=user, key=key, fingerprint=fingerprint)
        except IntegrityError:
            return _first(user, key, fingerprint)
        row.result = make()
        row.save(update_fields=["result"])
        return row.result


def answered(*, user: User, key: str, where: str, body: Any) -> UUID | None:
    """What a request with this key made before, for those that prepare something long before they come to :func:`once`.

    Parameters and errors as of :func:`once`.
    """
    if not key:
        return None
    fingerprint = _fingerprint(key, where, body)
    return (
        _first(user, key, fingerprint) if IdempotencyKey.objects.filter(user=user, key=key).exists() else None
    )


def _fingerprint(key: str, where: str, body: Any) -> str:
    if len(key) > MAX_KEY_CHARS or not key.isprintable():
        raise ApplicationError(
            "invalid_idempotency_key",
            gettext_noop("Idempotency-Key can have at most 255 printable characters."),
        )
    text = json.dumps([where, body], sort_keys=True)
    return salted_hmac("idempotency", text, algorithm="sha256").hexdigest()


def _first(user: User, key: str, fingerprint: str) -> UUID:
    row = IdempotencyKey.objects.get(user=user, key=key)
    if not constant_time_compare(row.fingerprint, fingerprint) or row.result is None:
        raise ApplicationError(
            "idempotency_mismatch",
            gettext_noop("This Idempotency-Key was already used for a different request."),
        )
    return row.result
