"""What a pull gets: the image from the registry, a moment of patience, or why not; and which of these an import means.

Codes are those of the OCI distribution specification, 1.1, "Error Codes".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.exceptions import ApplicationError, FieldErrors, sentence_of
from imageimport.choices import Status
from imageimport.models import ImportTask
from imageimport.selectors import render_error, render_message
from oci.errors import OciError

#: When to come back where nothing says when, seconds.
COME_BACK: Final = 10
#: What no other try would change until someone changes something.
DENIED: Final = frozenset(
    {
        "refused_by_rule", "blocked_address", "unauthorized", "forbidden", "quota_exceeded", "tag_protected",
        "tag_exists", "signature_missing", "signature_invalid", "rejected", "approval_outdated", "permission_denied",
        "unsupported_manifest", "limit_exceeded", "invalid_reference", "credential_unreadable",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Here:
    """The registry has it."""


@dataclass(frozen=True, slots=True)
class Coming:
    """It is on its way; who waits is answered when it is here."""

    message: str
    retry_after: int = COME_BACK


@dataclass(frozen=True, slots=True)
class PullRefused:
    """An error of the registry's own kind, with a sentence for people."""

    status: int
    code: str
    message: str
    retry_after: int = 0


Answer = Here | Coming | PullRefused


def unknown(message: str = "") -> PullRefused:
    """There is no such image, for this client."""
    return PullRefused(404, "MANIFEST_UNKNOWN", message or _("There is no such image here."))


def denied(message: str) -> PullRefused:
    """This client may not have the image; ``message`` tells people why."""
    return PullRefused(403, "DENIED", message)


def unavailable(message: str, retry_after: float | None = None) -> PullRefused:
    """Try again later.

    :param message: why, for people.
    :param retry_after: seconds; None: :data:`COME_BACK`.
    """
    return PullRefused(503, "UNAVAILABLE", message, max(1, round(retry_after or COME_BACK)))


def of_error(error: ApplicationError | OciError) -> PullRefused:
    """Why no import was made, or no source asked."""
    message = sentence_of(error)
    if error.code == "not_found":
        return unknown(message)
    return denied(message) if error.code in DENIED else unavailable(message, error.retry_after)


def of_fields(error: FieldErrors) -> PullRefused:
    """A name that stands for nothing that may be asked: a forbidden address, a port that no registry has."""
    return denied(error.first)


def of_task(task: ImportTask) -> Answer:
    """What an import means for who pulls its target."""
    if task.status == Status.SUCCESS:
        return Here()
    if task.is_moving:
        return Coming(_progress(task), min(30, max(1, _seconds_left(task) or COME_BACK)))
    if task.status == Status.REQUESTED:
        message = _("%(image)s needs approval. The request was sent; a maintainer has to approve it.")
        return denied(message % {"image": task.source_image})
    message = render_error(task) or _("The import of %(image)s was canceled.") % {"image": task.source_image}
    if task.error_code == "not_found":
        return unknown(message)
    return denied(message) if task.error_code in DENIED else unavailable(message)


def _seconds_left(task: ImportTask) -> int | None:
    """Until it is here, or until it goes on; None where no one knows."""
    if task.is_waiting_until and task.not_before is not None:
        return math.ceil((task.not_before - timezone.now()).total_seconds())
    return task.eta_seconds


def _progress(task: ImportTask) -> str:
    values = {"image": task.source_image, "percent": task.percent}
    if task.is_waiting_until:
        message = _(
            "%(image)s is being imported: %(percent)d%% done. The import is waiting and continues by itself: %(why)s"
        )
        return message % {**values, "why": render_message(task)}
    if task.eta_seconds is None:
        message = _("%(image)s is being imported: %(percent)d%% done. Pull it again in a moment.")
        return message % values
    message = ngettext(
        "%(image)s is being imported: %(percent)d%% done, about %(seconds)d second left. Pull it again then.",
        "%(image)s is being imported: %(percent)d%% done, about %(seconds)d seconds left. Pull it again then.",
        task.eta_seconds,
    )
    return message % {**values, "seconds": task.eta_seconds}
