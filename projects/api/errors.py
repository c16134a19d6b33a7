"""Failures of the private registry and of the services, as the API's answers."""

from __future__ import annotations

from django.utils.translation import gettext as _

from accounts.api.errors import ApiError
from oci.errors import OciError
from projects.forms import TOO_MANY_PROJECTS
from projects.places import AllTaken

#: The registry is away or busy; asking again may help.
_PASSING = frozenset({"unreachable", "rate_limited", "stalled", "timeout"})


def registry_refused(exc: OciError) -> ApiError:
    """503 where the registry is away, 502 where it refused; the sentence in the caller's language."""
    sentence = _(exc.template)
    status = 503 if exc.retryable or exc.code in _PASSING else 502
    return ApiError(
        exc.code, sentence % exc.params if exc.params else sentence, status, retry_after=exc.retry_after
    )


def all_taken(exc: AllTaken) -> ApiError:
    """429, with the time to come back."""
    return ApiError("throttled", _(exc.template) % exc.params, 429, retry_after=exc.retry_after)


def not_yours() -> ApiError:
    """403: only owners deal with owners."""
    return ApiError("permission_denied", _("Only an owner names owners, changes them or lets them go."), 403)


def last_owner() -> ApiError:
    """409: a project keeps an owner."""
    return ApiError("last_owner", _("The last owner can't go. Name another owner first."), 409)


def too_many_projects(limit: int) -> ApiError:
    """409: one account makes so many projects."""
    return ApiError("too_many_projects", TOO_MANY_PROJECTS % {"limit": limit}, 409)
