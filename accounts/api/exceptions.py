"""One shape for every error that is not about a field: ``{"code", "detail"}``."""

from __future__ import annotations

import math
from typing import Any

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from accounts.api.errors import ApiError
from accounts.authentication import CHALLENGE

log = structlog.get_logger(__name__)

#: Seconds, where a throttle or an outage names no time of its own.
DEFAULT_RETRY_AFTER = 5


def handle(exc: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: field errors stay as they are, everything else gets a code and a sentence."""
    if isinstance(exc, (OperationalError, InterfaceError)):
        exc = _database_away(exc)
    response = exception_handler(exc, context)
    if response is None:
        return None
    if isinstance(exc, exceptions.ValidationError):
        if not isinstance(response.data, dict):
            response.data = {"code": "invalid", "detail": _sentence(exc.detail)}
    else:
        response.data = _body(exc, response)
    if response.status_code == 401:
        response.headers.setdefault("WWW-Authenticate", CHALLENGE)
    if response.status_code in {429, 503}:
        response.headers["Retry-After"] = str(_seconds(exc))
    return response


def _database_away(exc: DatabaseError | InterfaceError) -> ApiError:
    log.error("api.database_away", error=type(exc).__name__, exc_info=exc)
    set_rollback()
    return ApiError("unavailable", _("The database does not answer. Try again in a moment."), 503)


def _body(exc: Exception, response: Response) -> dict[str, Any]:
    extra = exc.extra if isinstance(exc, ApiError) else {}
    detail = exc.detail if isinstance(exc, exceptions.APIException) else response.data.get("detail", "")
    code = detail.code if isinstance(detail, exceptions.ErrorDetail) else getattr(detail, "code", "error")
    return {"code": code, "detail": _sentence(detail), **extra}


def _sentence(detail: Any) -> str:
    """The first sentence of whatever shape DRF keeps."""
    while isinstance(detail, (list, dict)):
        detail = next(iter(detail.values() if isinstance(detail, dict) else detail), "")
    return str(detail)


def _seconds(exc: Exception) -> int:
    wait = getattr(exc, "wait", None)
    return DEFAULT_RETRY_AFTER if wait is None else max(1, math.ceil(wait))
