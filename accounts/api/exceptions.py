"""One shape for every error that is not about a field: ``{"code", "detail"}``."""

from __future__ import annotations

from typing import Any

from rest_framework.response import Response
from rest_framework.views import exception_handler


def handle(exc: Exception, context: dict[str, Any]) -> Response | None:
    return exception_handler(exc, context)
