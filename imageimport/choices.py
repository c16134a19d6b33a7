"""Words of the import's life, with the sets that decide and the colours that show."""

from __future__ import annotations

from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _


class Status(models.TextChoices):
    PENDING = "pending", _("Pending")
    RUNNING = "running", _("Running")
    CANCELING = "canceling", _("Canceling")
    SUCCESS = "success", _("Success")
    FAILED = "failed", _("Failed")
    CANCELED = "canceled", _("Canceled")


#: Holds a place among the running.
OCCUPYING: Final = (Status.RUNNING, Status.CANCELING)
#: Not ended: one of these per target image.
ACTIVE: Final = (Status.PENDING, Status.RUNNING, Status.CANCELING)
#: Ended for ever.
TERMINAL: Final = (Status.SUCCESS, Status.FAILED, Status.CANCELED)
RETRYABLE: Final = (Status.FAILED, Status.CANCELED)

#: Colour word of the stylesheet and icon name for each status; a word always stands beside them.
STATUS_LOOKS: Final = {
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


#: The least progress, in percent, when a stage begins (from the report).
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


class LayerState(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    EXISTS = "exists", _("Already here")
    MOUNTED = "mounted", _("Mounted")
    COPYING = "copying", _("Copying")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


class Outcome(models.TextChoices):
    """How an attempt ended."""

    RUNNING = "running", _("Running")
    SUCCESS = "success", _("Success")
    FAILED = "failed", _("Failed")
    CANCELED = "canceled", _("Canceled")
    #: The worker was told to stop and gave the task back; it does not count as a try.
    HANDED_BACK = "handed_back", _("Handed back")
    #: The heartbeat stopped.
    LOST = "lost", _("Worker lost")
    #: It has to wait (rate limit, target away) and comes back; it does not count as a try.
    WAITING = "waiting", _("Waiting")


class Priority(models.IntegerChoices):
    """Lower goes first."""

    INTERACTIVE = 0, _("Interactive")
    BATCH = 5, _("Batch")
    SCHEDULED = 10, _("Scheduled")


class WebhookEvent(models.TextChoices):
    IMPORT_SUCCEEDED = "import.succeeded", _("Import succeeded")
    IMPORT_FAILED = "import.failed", _("Import failed")
    BATCH_COMPLETED = "batch.completed", _("Batch completed")
    SCHEDULE_COMPLETED = "schedule.completed", _("Scheduled sync completed")
