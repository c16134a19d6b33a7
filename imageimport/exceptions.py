"""What a service raises when it does not do what was asked; pages and API say it in their own ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class FieldErrors(Exception):
    """What is wrong with which field: ``{"image_url": ["…"]}``, in the active language."""

    def __init__(self, errors: Mapping[str, Sequence[str]]) -> None:
        super().__init__(errors)
        self.errors = {name: list(found) for name, found in errors.items()}


class Refused(Exception):
    """A request that is well-formed but can't be done now: a code, a sentence, an HTTP status and more facts."""

    def __init__(
        self, code: str, detail: str, *, status: int = 409, retry_after: int | None = None, **extra: Any
    ) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.status = status
        self.retry_after = retry_after
        self.extra = extra
