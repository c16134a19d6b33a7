"""The services' refusals as the API's answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rest_framework.exceptions import ValidationError

from accounts.api.errors import ApiError
from imageimport.exceptions import FieldErrors, Refused


@contextmanager
def answering() -> Iterator[None]:
    """Inside the block, a service's :class:`FieldErrors` and :class:`Refused` become DRF's exceptions."""
    try:
        yield
    except FieldErrors as exc:
        raise ValidationError(exc.errors) from exc
    except Refused as exc:
        raise ApiError(exc.code, exc.detail, exc.status, retry_after=exc.retry_after, **exc.extra) from exc
