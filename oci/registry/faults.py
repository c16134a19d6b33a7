"""From what a registry did to what a person is told.

The same event is another error at the source than at the target, so every sentence is made here, where the
role is known. :class:`RetryableError` marks what another try may cure; only :mod:`oci.registry.retry` catches it.
"""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass
from typing import Final, Literal

from oci.errors import OciError, gettext_noop
from oci.limits import MAX_WAIT_SECONDS
from oci.spec.digest import is_digest

Role = Literal["source", "target"]

#: Answers that another try may change.
RETRY_STATUSES: Final = frozenset({408, 429, 499, 500, 502, 503, 504, 522})
#: Words by which storage says that it is full; registries pass them on in the body of a 5xx.
_FULL: Final = ("no space left", "disk full", "quota exceeded", "insufficient storage", "disk quota")


Params = dict[str, str | int | float]

RATE_LIMITED: Final = gettext_noop("Rate limit reached on %(host)s. It asks to wait until %(time)s.")
RATE_LIMITED_LONG: Final = gettext_noop(
    "Rate limit reached on %(host)s. It asks to wait until %(time)s; an import waits at most %(hours)d hours."
)
#: Seconds since the epoch of a moment that can still be written down in four digits.
_LAST_MOMENT: Final = 253_402_214_400.0


class RegistryError(OciError):
    """A refusal, with the status and the registry's own codes (``MANIFEST_BLOB_UNKNOWN``)."""

    status = 0
    codes: tuple[str, ...] = ()


class RetryableError(Exception):
    """What another try may cure.

    :param error: what is raised to the outside when no try is left.
    :param retry_after: seconds that the server asked for.
    :param tries: at most so many tries for this kind of fault, whatever the budget says.
    :param at_once: the cure needs no pause (a fresh connection, a fresh presigned URL).
    :param limited: the server counts our requests: its wait is told as a rate limit.
    :param is_cut: the connection ended: no failure, as long as bytes come in between. Silence is one, and people are
        told of it.
    """

    def __init__(
        self,
        error: OciError,
        *,
        retry_after: float | None = None,
        tries: int | None = None,
        at_once: bool = False,
        limited: bool = False,
        is_cut: bool = False,
    ) -> None:
        super().__init__(error)
        self.error = error
        self.retry_after = retry_after
        self.tries = tries
        self.at_once = at_once
        self.limited = limited
        self.is_cut = is_cut


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """What an error answer said: the registry's codes in upper case, and cleaned text (may be empty)."""

    codes: tuple[str, ...] = ()
    text: str = ""

    @property
    def says_full(self) -> bool:
        low = self.text.lower()
        return any(word in low for word in _FULL)


def _code(role: Role) -> Literal["source_error", "target_error"]:
    return "source_error" if role == "source" else "target_error"


def broke(role: Role, host: str, cause: str) -> RetryableError:
    """A reset, a short body, a connection closed without an answer."""
    template = gettext_noop("The connection to %(host)s was lost: %(cause)s.")
    error = OciError(_code(role), template, retryable=True, host=host, cause=cause)
    return RetryableError(error, is_cut=True)


def stalled(host: str, seconds: float) -> RetryableError:
    """No byte, in the direction that matters, for the stall time."""
    template = gettext_noop("%(host)s stopped responding: no data for %(seconds)s seconds.")
    return RetryableError(OciError("stalled", template, retryable=True, host=host, seconds=round(seconds)))


def unreachable(role: Role, host: str, error: OciError) -> Exception:
    """The door's ``unreachable`` or ``tls_error``, in the words of the role; :class:`RetryableError` where that may
    pass.
    """
    if role == "target" and error.code in ("unreachable", "tls_error"):
        template = gettext_noop("Can't reach the target registry %(host)s: %(cause)s")
        error = OciError("target_error", template, retryable=error.retryable, host=host, cause=str(error))
    return RetryableError(error) if error.retryable else error


def confused(role: Role, host: str, cause: str) -> OciError:
    """An answer that breaks the protocol."""
    code = "protocol_error" if role == "source" else "target_error"
    return OciError(code, gettext_noop("Invalid response from %(host)s: %(cause)s."), host=host, cause=cause)


def digest_differs(host: str, wanted: str, got: str) -> RetryableError:
    """Bytes that are not what their name says. Asked for once more, then refused."""
    template = gettext_noop(
        "%(host)s sent data that doesn't match its digest: %(wanted)s was requested, %(got)s was received."
    )
    return RetryableError(OciError("digest_mismatch", template, host=host, wanted=wanted, got=got), tries=2)


def size_differs(host: str, digest: str, wanted: int, got: int) -> RetryableError:
    template = gettext_noop("%(host)s sent %(got)s bytes for %(digest)s; its manifest says %(wanted)s.")
    error = OciError("digest_mismatch", template, host=host, digest=digest, wanted=wanted, got=got)
    return RetryableError(error, tries=2)


def asked_to_wait(host: str, seconds: float) -> OciError:
    """A wait that is too long to sit out: the worker is freed and the task comes back, after
    :data:`oci.limits.MAX_WAIT_SECONDS` at the latest. The sentence says the time that the registry named.
    """
    until = min(time.time() + seconds, _LAST_MOMENT)
    values: Params = {"host": host, "time": f"{dt.datetime.fromtimestamp(until, dt.UTC):%Y-%m-%d %H:%M} UTC"}
    template = RATE_LIMITED
    if seconds > MAX_WAIT_SECONDS:
        template, values["hours"] = RATE_LIMITED_LONG, round(MAX_WAIT_SECONDS / 3600)
    return OciError(
        "rate_limited", template, retryable=True, retry_after=min(seconds, MAX_WAIT_SECONDS), **values
    )


#: What a refusal of the source means, by status; every other is a ``source_error``.
_SOURCE_REFUSALS: Final = {
    401: (
        "unauthorized",
        gettext_noop(
            "Access denied: %(what)s doesn't exist on %(host)s, or is private and needs credentials%(detail)s"
        ),
    ),
    403: ("forbidden", gettext_noop("%(host)s denies access to %(what)s%(detail)s")),
    404: ("not_found", gettext_noop("%(host)s doesn't have %(what)s%(detail)s")),
    429: ("rate_limited", gettext_noop("Rate limit reached on %(host)s (status 429 for %(what)s)%(detail)s")),
}
#: What a 404 means where an image or a repository was asked for. The registry's own code says more than the status.
IMAGE_NOT_FOUND: Final = gettext_noop("Image not found: %(what)s doesn't exist on %(host)s.")
TAG_EXISTS: Final = gettext_noop("The tag %(tag)s already exists and points to a different image.")
TAG_PROTECTED: Final = gettext_noop("The tag %(tag)s is protected and points to a different image.")
_IMAGE_NOT_FOUND: Final = gettext_noop("Image not found: %(what)s doesn't exist on %(host)s%(detail)s")
_REPOSITORY_NOT_FOUND: Final = gettext_noop(
    "Repository not found: %(what)s doesn't exist on %(host)s%(detail)s"
)
_SIGN_IN_REFUSED: Final = gettext_noop(
    "The target registry %(host)s rejected the portal's credentials for %(what)s (status %(status)s)%(detail)s"
)
_TOO_LARGE: Final = gettext_noop(
    "The target registry %(host)s rejected %(what)s as too large (status 413). The registry, or a proxy in front "
    "of it, limits the size."
)
_FULL_DISK: Final = gettext_noop(
    "The target registry %(host)s has no space left (status %(status)s for %(what)s)%(detail)s"
)
_TARGET_ANSWERED: Final = gettext_noop(
    "The target registry %(host)s answered with status %(status)s for %(what)s%(detail)s"
)
_SOURCE_ANSWERED: Final = gettext_noop("%(host)s answered with status %(status)s for %(what)s%(detail)s")


def _missing(what: str, body: ErrorBody, otherwise: str) -> tuple[str, str]:
    """Sentence and name for what is not there: an image, or its whole repository where the registry says so."""
    if is_digest(what) or what.startswith(("/", "_")) or " " in what:
        return otherwise, what
    repository = what.partition("@")[0].partition(":")[0]
    if repository == what or "NAME_UNKNOWN" in body.codes:
        return _REPOSITORY_NOT_FOUND, repository
    return _IMAGE_NOT_FOUND, what


def refused(
    role: Role, host: str, status: int, body: ErrorBody, *, what: str, retry_after: float | None = None
) -> Exception:
    """An answer that is not what was asked for.

    :param what: the thing asked for, as a person would name it ("nginx:latest", a digest).
    :return: :class:`RetryableError` for what may pass, else the final :class:`RegistryError`.
    """
    full = status == 507 or (status >= 500 and body.says_full)
    if status == 429 or role == "source":
        code, template = _SOURCE_REFUSALS.get(status, ("source_error", _SOURCE_ANSWERED))
        if status == 404:
            template, what = _missing(what, body, template)
    elif status == 413:
        code, template = "target_error", _TOO_LARGE
    elif full:
        code, template = "target_error", _FULL_DISK
    elif status in (401, 403):
        code, template = "target_error", _SIGN_IN_REFUSED
    else:
        code, template = "target_error", _TARGET_ANSWERED
    error = RegistryError(
        code, template, retryable=status in RETRY_STATUSES or status >= 500, retry_after=retry_after
    )
    error.params.update(
        {"host": host, "status": status, "what": what, "detail": f": {body.text}" if body.text else ""}
    )
    error.status, error.codes = status, body.codes
    if status not in RETRY_STATUSES or (role == "target" and full):
        return error
    return RetryableError(error, retry_after=retry_after, limited=status == 429)
