"""One shape for every error that is not about a field: ``{"code", "detail"}``."""

from __future__ import annotations

import math
from typing import Any, Final

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from accounts.api.errors import ApiError
from accounts.exceptions import ApplicationError, FieldErrors, sentence_of
from accounts.sign_in.authentication import CHALLENGE
from oci.errors import OciError

log = structlog.get_logger(__name__)

#: Seconds, where a throttle or an outage names no time of its own.
DEFAULT_RETRY_AFTER = 5
#: HTTP statuses of services' errors by their codes; all others are conflicts.
STATUS: Final = {
    "invalid_idempotency_key": 400,
    "invalid_inventory": 400,
    "permission_denied": 403,
    "refused_by_rule": 403,
    "idempotency_mismatch": 422,
    "queue_full": 429,
    "registry_busy": 503,
    "throttled": 429,
    "too_large": 413,
    "files_unreadable": 422,
    "no_content": 422,
    "too_many_rows": 422,
    "bundle_invalid": 400,
    "bundle_incomplete": 400,
    "upload_expired": 410,
    "upload_gone": 410,
    "length_required": 411,
    "tus_version": 412,
    "upload_too_long": 413,
    "upload_busy": 423,
    "checksum_mismatch": 460,
    "no_space": 507,
    "downloads_busy": 503,
}
#: The private registry is away or busy; asking again may help.
_PASSING: Final = frozenset({"unreachable", "rate_limited", "stalled", "timeout"})


def handle(exc: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: field errors stay as they are, everything else gets a code and a sentence."""
    exc = _as_answer(exc, context.get("view"))
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


def _as_answer(exc: Exception, view: Any) -> Exception:
    """What services and the engine raise, as what DRF answers with.

    A view that has ``looks_at_source`` asks only the registry that the request names: what is wrong there is the
    request's (422). Of our own registry is ``target_error``, there as elsewhere.
    """
    if isinstance(exc, FieldErrors):
        return exceptions.ValidationError(exc.for_programs())
    if isinstance(exc, ApplicationError):
        status = STATUS.get(exc.code, 409)
        return ApiError(exc.code, exc.detail, status, retry_after=exc.retry_after, **exc.facts)
    if isinstance(exc, OciError):
        status = 503 if exc.retryable or exc.code in _PASSING else 502
        if getattr(view, "looks_at_source", False) and exc.code != "target_error":
            status = 422
        return ApiError(exc.code, sentence_of(exc), status, retry_after=exc.retry_after)
    if isinstance(exc, (OperationalError, InterfaceError)):
        return _database_away(exc)
    return exc


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
