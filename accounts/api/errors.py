"""The one exception that API views raise for what is not about a field."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import APIException


class ApiError(APIException):
    """Answered as ``{"code": code, "detail": detail, **extra}``.

    :param code: stable, for programs.
    :param detail: a sentence for people, in their language.
    :param status: HTTP status.
    :param retry_after: seconds, for the ``Retry-After`` header; a 429 and a 503 get one in any case.
    """

    def __init__(
        self, code: str, detail: Any, status: int = 409, *, retry_after: float | None = None, **extra: Any
    ) -> None:
        super().__init__(detail, code)
        self.status_code = status
        self.code = code
        self.extra = extra
        if retry_after is not None:
            self.wait = retry_after
