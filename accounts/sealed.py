"""Secrets at rest: sealed with a dedicated list of keys, opened only where ``reveal()`` is called.

Built on django-cryptography's Fernet, which knows one key; the list (the first encrypts, all decrypt) is ours.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.signing import BadSignature
from django.db import models
from django.db.models.query_utils import DeferredAttribute
from django.utils.translation import gettext_noop
from django_cryptography.utils.crypto import Fernet, InvalidToken

from oci.errors import OciError


class Unreadable(OciError):
    """None of ``CRYPTOGRAPHY_KEYS`` opens the value (code ``credential_unreadable``)."""

    def __init__(self) -> None:
        super().__init__(
            "credential_unreadable",
            gettext_noop(
                "The stored credentials can't be decrypted with the configured keys. Enter them again."
            ),
        )


@lru_cache(maxsize=64)
def _fernet(key: str) -> Fernet:
    return Fernet(key)


def seal(plain: str) -> str:
    """``plain`` encrypted with the first key; the empty string stays empty (nothing is stored)."""
    if not plain:
        return ""
    return _fernet(settings.CRYPTOGRAPHY_KEYS[0]).encrypt(plain).decode("ascii")


def unseal(token: str) -> tuple[str, int]:
    """The plain text, and the position of the key that opened it.

    :raises Unreadable: none of the keys does.
    """
    if not token:
        return "", 0
    for position, key in enumerate(settings.CRYPTOGRAPHY_KEYS):
        try:
            return _fernet(key).decrypt(token.encode("ascii")).decode("utf-8"), position
        except (InvalidToken, BadSignature, ValueError, UnicodeError):
            continue
    raise Unreadable


class Sealed:
    """An encrypted value as a row holds it. Falsy when there is none; never shows itself."""

    __slots__ = ("token",)

    def __init__(self, token: str) -> None:
        self.token = token

    @classmethod
    def of(cls, plain: str) -> Sealed:
        return cls(seal(plain))

    def reveal(self) -> str:
        """The plain text. For workers only.

        :raises Unreadable: no configured key opens it.
        """
        return unseal(self.token)[0]

    def __bool__(self) -> bool:
        return bool(self.token)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sealed) and other.token == self.token

    def __hash__(self) -> int:
        return hash(self.token)

    def __repr__(self) -> str:
        return "<sealed>" if self.token else "<empty>"

    __str__ = __repr__


class _SealingAttribute(DeferredAttribute):
    """Seals on assignment, so that no row in memory ever holds the plain text."""

    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__[self.field.attname] = self.field.to_python(value)


class SealedTextField(models.TextField):
    """Text that is encrypted in the database. Assign plain text; read a :class:`Sealed`."""

    descriptor_class = _SealingAttribute

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("blank", True)
        kwargs.setdefault("default", "")
        kwargs.setdefault("editable", False)
        super().__init__(*args, **kwargs)

    def from_db_value(self, value: str | None, *_: Any) -> Sealed:
        return Sealed(value or "")

    def to_python(self, value: Any) -> Sealed:
        return value if isinstance(value, Sealed) else Sealed.of(value or "")

    def get_prep_value(self, value: Any) -> str:
        return value.token if isinstance(value, Sealed) else seal(value or "")

    def value_to_string(self, obj: models.Model) -> str:
        return str(self.get_prep_value(self.value_from_object(obj)))
