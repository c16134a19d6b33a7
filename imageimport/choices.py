"""Words of the import's life, with the sets that decide and the colours that show."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from oci.copy.observer import LayerState


class Status(models.TextChoices):
    #: Waits for someone's approval.
    REQUESTED = "requested", pgettext_lazy("status", "Requested")
    PENDING = "pending", _("Pending")
    RUNNING = "running", _("Running")
    CANCELING = "canceling", _("Canceling")
    SUCCESS = "success", _("Success")
    FAILED = "failed", _("Failed")
    CANCELED = "canceled", _("Canceled")


#: Holds a place among the running.
OCCUPYING: Final = (Status.RUNNING, Status.CANCELING)
#: Not ended: one of these per target image.
ACTIVE: Final = (Status.REQUESTED, Status.PENDING, Status.RUNNING, Status.CANCELING)
#: Goes on by itself, without anyone's word.
MOVING: Final = (Status.PENDING, Status.RUNNING, Status.CANCELING)
#: Ended forever.
TERMINAL: Final = (Status.SUCCESS, Status.FAILED, Status.CANCELED)
RETRYABLE: Final = (Status.FAILED, Status.CANCELED)

#: Colour word of the stylesheet and icon name for each status; a word always stands beside them.
STATUS_LOOKS: Final = {
    Status.REQUESTED: ("orange", "hourglass"),
    Status.PENDING: ("secondary", "clock"),
    Status.RUNNING: ("blue", "loader"),
    Status.CANCELING: ("orange", "loader"),
    Status.SUCCESS: ("green", "check"),
    Status.FAILED: ("red", "x"),
    Status.CANCELED: ("secondary", "ban"),
}


class Stage(models.TextChoices):
    START = "start", _("Starting")
    LOGIN = "login", _("Signing in")
    PULL = "pull", _("Pulling")
    TAG = "tag", _("Tagging")
    PUSH = "push", _("Pushing")
    CLEANUP = "cleanup", _("Cleaning up")
    DONE = "done", _("Done")


#: The least progress, in percent, when a stage begins.
STAGE_PROGRESS: Final = {
    Stage.START: 10,
    Stage.LOGIN: 20,
    Stage.PULL: 30,
    Stage.TAG: 60,
    Stage.PUSH: 80,
    Stage.CLEANUP: 90,
    Stage.DONE: 100,
}


def percent(*, status: str, stage: str, progress: int) -> int:
    """How far an import is, 0 to 100: the one number that API, pages and terminal show. Bytes are shown as bytes.

    :param progress: as a worker last wrote it (:mod:`imageimport.worker.progress`); the stage's least counts where
        rows were written by others.
    """
    if status == Status.SUCCESS:
        return 100
    if status not in OCCUPYING:
        return min(99, progress)
    return min(99, max(progress, STAGE_PROGRESS[Stage(stage)] if stage else 0))


class Transport(models.TextChoices):
    REGISTRY = "registry", _("Registry to registry")
    DOCKER = "docker", _("Docker Engine")
    BUNDLE = "bundle", _("Uploaded file")


#: What people choose among; uploaded files are imported in a way of their own.
TRANSPORTS_ASKED_FOR: Final = (Transport.REGISTRY, Transport.DOCKER)
TRANSPORT_CHOICES: Final = [(each.value, each.label) for each in TRANSPORTS_ASKED_FOR]


#: The engine's words for a layer, as people read them.
LAYER_STATES: Final = [
    (LayerState.WAITING.value, _("Waiting")),
    (LayerState.EXISTS.value, _("Already here")),
    (LayerState.MOUNTED.value, _("Mounted")),
    (LayerState.COPYING.value, _("Copying")),
    (LayerState.DONE.value, _("Done")),
    (LayerState.FAILED.value, _("Failed")),
]


class Outcome(models.TextChoices):
    """How an attempt ended."""

    RUNNING = "running", _("Running")
    SUCCESS = "success", _("Success")
    FAILED = "failed", _("Failed")
    CANCELED = "canceled", _("Canceled")
    #: The worker was told to stop and gave the task back; it does not count as a try.
    HANDED_BACK = "handed_back", _("Requeued")
    #: The heartbeat stopped.
    LOST = "lost", _("Worker lost")
    #: It has to wait (rate limit, target away) and comes back; it does not count as a try.
    WAITING = "waiting", _("Waiting")


class Priority(models.IntegerChoices):
    """Lower goes first."""

    INTERACTIVE = 0, _("Interactive")
    BATCH = 5, _("Batch")
    SCHEDULED = 10, _("Scheduled")


class Action(models.TextChoices):
    """What a rule says of an image."""

    ALLOW = "allow", _("Allow")
    APPROVE = "approve", _("Ask for approval")
    REFUSE = "refuse", _("Refuse")


class Verdict(models.TextChoices):
    """What became of a request."""

    APPROVED = "approved", _("Approved")
    REJECTED = "rejected", _("Rejected")
    EXPIRED = "expired", _("Expired")


class WebhookEvent(models.TextChoices):
    IMPORT_SUCCEEDED = "import.succeeded", _("Import succeeded")
    IMPORT_FAILED = "import.failed", _("Import failed")
    BATCH_COMPLETED = "batch.completed", _("Batch completed")
    SCHEDULE_COMPLETED = "schedule.completed", _("Scheduled sync completed")
    TAG_RESTORED = "tag.restored", _("Protected tag restored")
    REQUEST_CREATED = "request.created", _("Approval requested")
    REQUEST_DECIDED = "request.decided", _("Request decided")
    UPSTREAM_CHANGED = "upstream.changed", _("Tag gone, or newer version, at the source")
    WEEKLY_DIGEST = "digest.weekly", _("Weekly digest")


#: What a webhook is told that does not say: all but the digest, which is for those who want it.
EVENTS_UNASKED: Final = tuple(value for value in WebhookEvent.values if value != WebhookEvent.WEEKLY_DIGEST)

#: What an import failed by, in two or three words; the code itself is for programs and for the guide.
ERROR_NAMES: Final = {
    "invalid_reference": _("Invalid reference"),
    "blocked_address": _("Address not allowed"),
    "unauthorized": _("Sign-in required or refused"),
    "forbidden": _("Access denied"),
    "not_found": _("Image not found"),
    "rate_limited": _("Rate limit reached"),
    "unreachable": _("Registry unreachable"),
    "proxy_error": _("Proxy error"),
    "tls_error": _("TLS error"),
    "digest_mismatch": _("Digest mismatch"),
    "unsupported_manifest": _("Unsupported manifest"),
    "limit_exceeded": _("Content too large"),
    "protocol_error": _("Unexpected response from the registry"),
    "source_error": _("Error at the source"),
    "target_error": _("Error at the private registry"),
    "quota_exceeded": _("Quota exceeded"),
    "tag_exists": _("Tag exists"),
    "signature_missing": _("Signature missing"),
    "signature_invalid": _("Signature not trusted"),
    "tag_protected": _("Tag protected"),
    "refused_by_rule": _("Blocked by a rule"),
    "rejected": _("Request rejected"),
    "approval_outdated": _("Approval outdated"),
    "stalled": _("Transfer stalled"),
    "timeout": _("Time limit reached"),
    "worker_lost": _("Worker lost"),
    "docker_unavailable": _("Docker Engine unavailable"),
    "no_space": _("No disk space"),
    "credential_unreadable": _("Credential unreadable"),
    "bundle_invalid": _("File damaged or no image archive"),
    "bundle_incomplete": _("Volume or earlier bundle missing"),
    "internal_error": _("Internal error"),
}


def count_by_status(found: Iterable[tuple[str, int]]) -> dict[str, int]:
    """How many imports are in each state, from pairs of state and number; a canceling one is among the running."""
    counts = {"requested": 0, "pending": 0, "running": 0, "success": 0, "failed": 0, "canceled": 0}
    for status, count in found:
        counts["running" if status == Status.CANCELING else status] += count
    return counts
