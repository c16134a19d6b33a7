from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.ids import new_id
from accounts.sealed import SealedTextField
from accounts.tracing import current_request_id
from imageimport.choices import (
    ACTIVE,
    RETRYABLE,
    TERMINAL,
    LayerState,
    Outcome,
    Priority,
    Stage,
    Status,
    Transport,
    percent,
)
from imageimport.models.batch import ImportBatch
from imageimport.models.credential import Credential
from imageimport.models.schedule import Schedule, ScheduleRun
from projects.models import Project


class ImportTask(models.Model):
    """One import, from the pasted reference to the verified tag. The row is the truth.

    ::

                     claim (leases.py: limits, fairness; fence + 1, attempts + 1)
          ┌────────────────────────────────────────────────────────────┐
          │                                                            v
      [pending] <── hand back · wait (not_before) · lease lost ── [running] ──> [success]
          │                                                         │    │
          │ cancel                                           cancel │    └────> [failed]
          v                                                         v              ^
      [canceled] <──────── engine stopped · lease lost ──────── [canceling]        │
                                                                    └── (ended before it noticed: failed)

    Every arrow out of running or canceling is ``filter(pk, fence=mine, status__in=…).update(…)`` that must touch one
    row; a late worker's fence is old, so it touches none. A lost lease goes back to pending until
    ``IMPORT_MAX_ATTEMPTS``, then to failed with ``worker_lost``. Ended states never change. From the moment before the
    tag is put (``committing``) a task can't be canceled or given up any more: it says success when the tag has moved.
    Only where the target then shows that the tag did not move is it as before (not ``committing``).
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="import_tasks")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="import_tasks",
        verbose_name=_("requested by"),
    )

    # What was asked for.
    image_url = models.CharField(_("image URL"), max_length=2000)
    source_image = models.CharField(_("source image"), max_length=800, blank=True, default="")
    source_registry = models.CharField(max_length=255, blank=True, default="")
    target_name = models.CharField(_("target name"), max_length=255, blank=True, default="")
    target_tag = models.CharField(_("target tag"), max_length=128, blank=True, default="")
    target_image = models.CharField(_("target image"), max_length=700, blank=True, default="")
    platforms = models.JSONField(_("platforms"), default=list, blank=True)
    overwrite = models.BooleanField(_("overwrite"), default=True)
    include_referrers = models.BooleanField(_("signatures and SBOMs"), default=True)
    transport = models.CharField(
        _("transport"), max_length=10, choices=Transport.choices, default=Transport.REGISTRY
    )
    priority = models.SmallIntegerField(choices=Priority.choices, default=Priority.INTERACTIVE)
    username = SealedTextField()
    password = SealedTextField()
    credential = models.ForeignKey(
        Credential, on_delete=models.SET_NULL, null=True, blank=True, related_name="import_tasks"
    )
    #: A saved credential was asked for; without it (deleted meanwhile) the import must not go on anonymously.
    credential_required = models.BooleanField(default=False)
    #: It had credentials of its own, which are gone: a retry needs them again and must not go on anonymously.
    credentials_erased = models.BooleanField(default=False)

    # Where it is.
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.PENDING)
    stage = models.CharField(_("stage"), max_length=10, choices=Stage.choices, blank=True, default="")
    progress = models.PositiveSmallIntegerField(_("progress"), default=0)
    #: English, for readers of the database; ``…_parts`` (template and params) lets it be shown in any language.
    message = models.TextField(_("message"), blank=True, default="")
    message_parts = models.JSONField(default=dict, blank=True)
    error = models.TextField(_("error"), blank=True, default="")
    error_parts = models.JSONField(default=dict, blank=True)
    error_code = models.CharField(_("error code"), max_length=32, blank=True, default="")
    digest = models.CharField(_("digest"), max_length=160, blank=True, default="")
    source_digest = models.CharField(_("source digest"), max_length=160, blank=True, default="")
    bytes_total = models.PositiveBigIntegerField(default=0)
    bytes_done = models.PositiveBigIntegerField(default=0)
    bytes_reused = models.PositiveBigIntegerField(default=0)
    #: Bytes a second, smoothed.
    rate = models.PositiveBigIntegerField(default=0)
    eta_seconds = models.PositiveIntegerField(null=True, blank=True)

    # Who works at it (leases.py).
    #: The try it is at, against IMPORT_MAX_ATTEMPTS; one handed back or ended by a stated wait does not count.
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    #: Counts every claim; each write of a worker carries the number that it was given.
    fence = models.PositiveIntegerField(default=0)
    lease_owner = models.CharField(max_length=120, blank=True, default="")
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField(_("not before"), null=True, blank=True)
    #: An attempt went as far as putting the tag. Until the row ends nobody knows whether it moved, so such a task is
    #: carried through: not canceled, and not given up for a lost worker or a target that is away.
    committing = models.BooleanField(default=False, db_default=False)
    #: When it first began to wait for something outside; bounds the waiting.
    waiting_since = models.DateTimeField(null=True, blank=True)

    # Where it comes from.
    retry_of = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="retries"
    )
    batch = models.ForeignKey(
        ImportBatch, on_delete=models.SET_NULL, null=True, blank=True, related_name="tasks"
    )
    batch_index = models.PositiveIntegerField(null=True, blank=True)
    #: Another task took its place in the batch's counts.
    replaced = models.BooleanField(default=False)
    schedule = models.ForeignKey(
        Schedule, on_delete=models.SET_NULL, null=True, blank=True, related_name="tasks"
    )
    schedule_run = models.ForeignKey(
        ScheduleRun, on_delete=models.SET_NULL, null=True, blank=True, related_name="tasks"
    )
    #: A failed import stays on the project page until someone dismisses or retries it.
    dismissed_at = models.DateTimeField(null=True, blank=True)

    #: Of the HTTP request that asked for it, for the logs.
    request_id = models.CharField(max_length=64, blank=True, default=current_request_id, db_default="")

    created_at = models.DateTimeField(_("created"), default=timezone.now)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    updated_at = models.DateTimeField(_("updated"), default=timezone.now)
    completed_at = models.DateTimeField(_("completed"), null=True, blank=True)

    class Meta:
        db_table = "image_import_tasks"
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        ordering = ("-created_at", "-id")
        constraints = [
            models.UniqueConstraint(
                fields=("project", "target_name", "target_tag"),
                condition=Q(status__in=("pending", "running", "canceling")) & ~Q(target_name=""),
                name="one_writer_a_target",
            )
        ]
        indexes = [
            models.Index(fields=("project", "-created_at", "-id"), name="task_newest"),
            models.Index(fields=("project", "status", "-created_at", "-id"), name="task_status"),
            models.Index(
                fields=("priority", "created_at"), condition=Q(status="pending"), name="task_waiting"
            ),
            models.Index(
                fields=("project", "priority", "created_at"),
                condition=Q(status="pending"),
                name="task_waiting_project",
            ),
            # The claim looks at what waits by account and project, however much that is.
            models.Index(
                fields=("requested_by", "project", "priority", "created_at", "not_before"),
                condition=Q(status="pending"),
                name="task_waiting_account",
            ),
            models.Index(
                fields=("lease_expires_at",),
                condition=Q(status__in=("running", "canceling")),
                name="task_leased",
            ),
            models.Index(
                fields=("batch", "batch_index"), condition=Q(batch__isnull=False), name="task_batch"
            ),
            models.Index(
                fields=("schedule", "-created_at"), condition=Q(schedule__isnull=False), name="task_schedule"
            ),
            models.Index(
                fields=("schedule", "status", "-created_at", "-id"),
                condition=Q(schedule__isnull=False),
                name="task_schedule_status",
            ),
            models.Index(
                fields=("schedule", "status", "id"),
                condition=Q(schedule__isnull=False),
                name="task_schedule_by_status",
            ),
            models.Index(
                fields=("schedule", "-completed_at", "-id"),
                condition=Q(schedule__isnull=False),
                name="task_schedule_ended",
            ),
            models.Index(fields=("completed_at",), condition=~Q(password=""), name="task_holds_secret"),
            models.Index(fields=("-created_at", "-id"), name="task_newest_all"),
            models.Index(
                fields=("project", "status", "-created_at", "-id"),
                condition=Q(dismissed_at__isnull=True),
                name="task_undismissed",
            ),
            models.Index(fields=("project", "-completed_at", "-id"), name="task_last_ended"),
            # Orders and filters of the API and of the admin.
            models.Index(fields=("project", "status", "id"), name="task_by_status"),
            models.Index(fields=("project", "status", "-completed_at", "-id"), name="task_status_ended"),
            models.Index(fields=("status", "-created_at", "-id"), name="task_status_all"),
            models.Index(
                fields=("error_code", "-created_at", "-id"),
                condition=~Q(error_code=""),
                name="task_error_code",
            ),
            models.Index(
                fields=("-created_at", "-id"), condition=Q(transport="docker"), name="task_by_docker"
            ),
            models.Index(
                fields=("project", "target_name", "target_tag", "-created_at", "-id"), name="task_target"
            ),
        ]

    def __str__(self) -> str:
        return self.source_image or self.image_url

    @property
    def percent(self) -> int:
        """How far it is: see :func:`imageimport.choices.percent`."""
        return percent(status=self.status, stage=self.stage, progress=self.progress)

    @property
    def is_active(self) -> bool:
        return self.status in ACTIVE

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL

    @property
    def can_cancel(self) -> bool:
        return self.status in (Status.PENDING, Status.RUNNING)

    @property
    def can_retry(self) -> bool:
        return self.status in RETRYABLE

    @property
    def is_waiting_until(self) -> bool:
        return (
            self.status == Status.PENDING and self.not_before is not None and self.not_before > timezone.now()
        )

    @property
    def has_credentials(self) -> bool:
        """Lists defer the secrets; they say by ``holds_secret`` whether there is one (selectors)."""
        held = self.__dict__.get("holds_secret")
        if held is not None:
            return bool(held) or self.credential_id is not None
        return bool(self.password) or bool(self.username) or self.credential_id is not None


class ImportLayer(models.Model):
    """One blob of a task, for the live table; pruned some time after the end."""

    id = models.BigAutoField(primary_key=True)
    task = models.ForeignKey(ImportTask, on_delete=models.CASCADE, related_name="layers")
    position = models.PositiveIntegerField()
    digest = models.CharField(max_length=160)
    media_type = models.CharField(max_length=255, blank=True, default="")
    size = models.PositiveBigIntegerField(default=0)
    bytes_done = models.PositiveBigIntegerField(default=0)
    state = models.CharField(max_length=8, choices=LayerState.choices, default=LayerState.WAITING)

    class Meta:
        db_table = "image_import_layers"
        ordering = ("position",)
        constraints = [models.UniqueConstraint(fields=("task", "digest"), name="layer_once_a_task")]

    def __str__(self) -> str:
        return self.digest


class ImportAttempt(models.Model):
    """One claim of a task: its history, kept for ever. Claims that did not count share their number with the next."""

    id = models.BigAutoField(primary_key=True)
    task = models.ForeignKey(ImportTask, on_delete=models.CASCADE, related_name="history")
    fence = models.PositiveIntegerField()
    attempt = models.PositiveIntegerField()
    worker = models.CharField(max_length=120, blank=True, default="")
    started_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=12, choices=Outcome.choices, default=Outcome.RUNNING)
    error_code = models.CharField(max_length=32, blank=True, default="")
    error = models.TextField(blank=True, default="")
    error_parts = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "image_import_attempts"
        ordering = ("fence",)
        constraints = [models.UniqueConstraint(fields=("task", "fence"), name="attempt_once")]

    def __str__(self) -> str:
        return f"{self.task_id} #{self.attempt}"


class ProjectTurn(models.Model):
    """When a project's import last took a place, so that the next place goes to who waited longest."""

    project = models.OneToOneField(Project, on_delete=models.CASCADE, primary_key=True, related_name="+")
    served_at = models.DateTimeField()

    class Meta:
        db_table = "image_import_turns"

    def __str__(self) -> str:
        return f"{self.project_id} {self.served_at:%H:%M:%S}"


class AccountTurn(models.Model):
    """When someone was last served with something that all share (:mod:`imageimport.turns`)."""

    class Kind(models.TextChoices):
        IMPORT = "import", "import"
        SYNC = "sync", "sync"
        WEBHOOK = "webhook", "webhook"

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    #: ``user:<id>`` or ``project:<id>``: no foreign key, since whose it was may be gone before its turn is over.
    account = models.CharField(max_length=64)
    served_at = models.DateTimeField()

    class Meta:
        db_table = "image_import_account_turns"
        constraints = [models.UniqueConstraint(fields=("kind", "account"), name="account_turn_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.account} {self.served_at:%H:%M:%S}"
