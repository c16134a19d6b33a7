"""Re-encrypts what is sealed with the first of ``CRYPTOGRAPHY_KEYS``, while imports run.

A value is replaced only where it still is the one that was read: an import that has ended erases its credentials,
and they stay erased.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from allauth.mfa.models import Authenticator
from django.apps import apps
from django.db import transaction
from django.db.models import Model

from accounts.sealed import Sealed, SealedTextField, seal, unseal
from oci.errors import OciError

#: Rows read at once.
CHUNK = 500
#: What allauth keeps sealed in ``Authenticator.data`` (by :class:`accounts.sign_in.adapters.SealedMfaAdapter`).
SECOND_FACTOR: Final = ("secret", "seed", "migrated_codes")


@dataclass(slots=True)
class Rotated:
    """Counts of one column. ``stale``: sealed with an older key (and rotated, unless it is a dry run)."""

    column: str
    current: int = 0
    stale: int = 0
    unreadable: int = 0
    #: Changed by someone else in between; theirs was sealed with the first key already, or erased.
    overtaken: int = 0


def sealed_columns() -> Iterator[tuple[type[Model], str]]:
    """Every encrypted column there is; those of second factors are parts of one (:data:`SECOND_FACTOR`)."""
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, SealedTextField):
                yield model, field.attname


def rotate(*, dry_run: bool = False) -> list[Rotated]:
    """Rotate every column; one entry for each."""
    found = [_rotate_column(model, name, dry_run=dry_run) for model, name in sealed_columns()]
    return [*found, _rotate_second_factors(dry_run=dry_run)]


def _rotate_column(model: type[Model], name: str, *, dry_run: bool) -> Rotated:
    result = Rotated(f"{model._meta.label}.{name}")
    rows = model._default_manager.exclude(**{name: Sealed("")}).order_by("pk").values_list("pk", name)
    last = None
    while page := list((rows if last is None else rows.filter(pk__gt=last))[:CHUNK]):
        for key, sealed in page:
            _rotate_value(model, name, key, sealed, result, dry_run=dry_run)
        last = page[-1][0]
    return result


def _rotate_value(
    model: type[Model], name: str, key: object, sealed: Sealed, result: Rotated, *, dry_run: bool
) -> None:
    try:
        plain, position = unseal(sealed.token)
    except OciError:
        result.unreadable += 1
        return
    if position == 0:
        result.current += 1
        return
    result.stale += 1
    if dry_run:
        return
    fresh = Sealed(seal(plain))
    if not model._default_manager.filter(**{"pk": key, name: sealed}).update(**{name: fresh}):
        result.stale -= 1
        result.overtaken += 1


def _rotate_second_factors(*, dry_run: bool) -> Rotated:
    """Without this no one with a second factor could sign in anymore once the old key is gone."""
    result = Rotated(f"{Authenticator._meta.label}.data")
    for key in list(Authenticator.objects.order_by("pk").values_list("pk", flat=True)):
        with transaction.atomic():
            row = Authenticator.objects.select_for_update().filter(pk=key).first()
            if row is None:
                continue
            fresh = {name: _rotated(row.data[name], result) for name in SECOND_FACTOR if name in row.data}
            if not dry_run and any(row.data[name] != value for name, value in fresh.items()):
                row.data |= fresh
                row.save(update_fields=["data"])
    return result


def _rotated(value: Any, result: Rotated) -> Any:
    """A sealed text, or a list of them, sealed with the first key where it was with another."""
    if isinstance(value, list):
        return [_rotated(each, result) for each in value]
    try:
        plain, position = unseal(value)
    except OciError:
        result.unreadable += 1
        return value
    if position == 0:
        result.current += 1
        return value
    result.stale += 1
    return seal(plain)
