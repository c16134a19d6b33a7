"""The import's row, and which imports are meant, by the names that the code has for them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import TYPE_CHECKING, Final, Self

from django.conf import settings
from django.db import models
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.ids import new_id
from accounts.sealed import SealedTextField
from accounts.tracing import current_request_id
from imageimport.choices import (
    ACTIVE,
    MOVING,
    OCCUPYING,
    RETRYABLE,
    TERMINAL,
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

if TYPE_CHECKING:
    from uuid import UUID

#: What no list, page or answer reads.
SECRETS: Final = ("username", "password")


class ImportTaskQuerySet(models.QuerySet["ImportTask"]):
    """Imports; each method narrows, :meth:`for_lists` also says what is read of a row."""

    def with_status(self, statuses: Collection[str]) -> Self:
        """In any of these states, where a caller or a person chooses them."""
        return self.filter(status__in=statuses)

    def requested(self) -> Self:
        """Waiting for someone's approval."""
        return self.filter(status=Status.REQUESTED)

    def waiting(self) -> Self:
        """Not started, or given back."""
        return self.filter(status=Status.PENDING)

    def running(self) -> Self:
        """At work, without a request to cancel."""
        return self.filter(status=Status.RUNNING)

    def occupying(self) -> Self:
        """Those that hold a place among the running."""
        return self.filter(status__in=OCCUPYING)

    def active(self) -> Self:
        """Not ended."""
        return self.filter(status__in=ACTIVE)

    def succeeded(self) -> Self:
        return self.filter(status=Status.SUCCESS)

    def failed(self) -> Self:
        return self.filter(status=Status.FAILED)

    def retryable(self) -> Self:
        """Failed or canceled."""
        return self.filter(status__in=RETRYABLE)

    def eligible(self, now: dt.datetime) -> Self:
        """Those that wait and may start at ``now``, the limits aside."""
        return self.waiting().filter(Q(not_before=None) | Q(not_before__lte=now))

    def held_back(self, now: dt.datetime) -> Self:
        """Those that wait for a stated time."""
        return self.waiting().filter(not_before__gt=now)

    def not_publishing(self) -> Self:
        """Those that may be canceled still: their tag stands as it did."""
        return self.filter(publishing=False)

    def current(self) -> Self:
        """Those that count in their batch or run: not replaced by a retry."""
        return self.filter(replaced=False)

    def current_of(self, batch: ImportBatch | UUID) -> Self:
        """The imports that count in a batch."""
        return self.current().filter(batch=batch)

    def for_lists(self) -> Self:
        """With the name of who asked; without secrets, but with whether there are any (``holds_secret``)."""
        held = ExpressionWrapper(~Q(password="") | ~Q(username=""), output_field=BooleanField())
        return self.select_related("requested_by").defer(*SECRETS).annotate(holds_secret=held)

    def newest_first(self) -> Self:
        return self.order_by("-created_at", "-id")


class ImportTask(models.Model):
    """One import, from the pasted reference to the verified tag. The row is the truth.

    ::

      [requested] ── reject · cancel · out of days ──> [canceled]     (a look that finds it impossible: [failed])
          │ approve
          v          claim (leases.py: limits, fairness; fence + 1, attempts + 1)
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
    tag is put (``publishing``) a task can't be canceled or given up anymore: it says success when the tag has moved.
    Only where the target then shows that the tag did not move is it as before (not ``publishing``).

    The database holds it to: a known status, 0 to 100 percent, ``completed_at`` only once ended, a lease only while it
    occupies a place, one active import a target.
    """

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    #: Without an index of its own, as batch and schedule below: others begin with it.
    project = models.ForeignKey(
        Project,
        on_delete=models.CASCADE,
        related_name="import_tasks",
        db_index=False,
        verbose_name=_("project"),
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="import_tasks",
        verbose_name=_("requested by"),
    )

    #: The name of the robot account that asked, where no user did.
    robot = models.CharField(_("robot account"), max_length=130, blank=True, default="", db_default="")

    # What was asked for.
    image_url = models.CharField(_("image URL"), max_length=2000)
    source_image = models.CharField(_("source image"), max_length=800, blank=True, default="")
    source_registry = models.CharField(_("source registry"), max_length=255, blank=True, default="")
    target_name = models.CharField(_("target name"), max_length=255, blank=True, default="")
    target_tag = models.CharField(_("target tag"), max_length=128, blank=True, default="")
    target_image = models.CharField(_("target image"), max_length=700, blank=True, default="")
    platforms = models.JSONField(_("platforms"), default=list, blank=True)
    #: No one asked for them: they are those of the project, and choose only among those that an image names.
    platforms_by_default = models.BooleanField(_("platforms by default"), default=False, db_default=False)
    overwrite = models.BooleanField(_("overwrite"), default=True)
    include_referrers = models.BooleanField(_("signatures and SBOMs"), default=True)
    transport = models.CharField(
        _("transport"), max_length=10, choices=Transport.choices, default=Transport.REGISTRY
    )
    #: Ids of the uploaded files that it is read from, where it comes from such.
    uploads = models.JSONField(_("uploads"), default=list, blank=True, db_default=[])
    priority = models.SmallIntegerField(_("priority"), choices=Priority.choices, default=Priority.INTERACTIVE)
    username = SealedTextField(_("username"))
    password = SealedTextField(_("password"))
    credential = models.ForeignKey(
        Credential,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="import_tasks",
        verbose_name=_("credential"),
    )
    #: A saved credential was asked for; without it (deleted in the meantime) the import must not go on anonymously.
    credential_required = models.BooleanField(_("credential required"), default=False)
    #: It had credentials of its own, which are gone: a retry needs them again and must not go on anonymously.
    credentials_erased = models.BooleanField(_("credentials erased"), default=False)

    # Where it is.
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.PENDING)
    stage = models.CharField(_("stage"), max_length=10, choices=Stage.choices, blank=True, default="")
    progress = models.PositiveSmallIntegerField(_("progress"), default=0)
    #: English, for readers of the database; ``…_parts`` (template and params) lets it be shown in any language.
    message = models.TextField(_("message"), blank=True, default="")
    message_parts = models.JSONField(_("message parts"), default=dict, blank=True)
    error = models.TextField(_("error"), blank=True, default="")
    error_parts = models.JSONField(_("error parts"), default=dict, blank=True)
    error_code = models.CharField(_("error code"), max_length=32, blank=True, default="")
    digest = models.CharField(_("digest"), max_length=160, blank=True, default="")
    source_digest = models.CharField(_("source digest"), max_length=160, blank=True, default="")
    bytes_total = models.PositiveBigIntegerField(_("bytes total"), default=0)
    bytes_done = models.PositiveBigIntegerField(_("bytes done"), default=0)
    bytes_reused = models.PositiveBigIntegerField(_("bytes reused"), default=0)
    #: Bytes a second, smoothed.
    rate = models.PositiveBigIntegerField(_("rate"), default=0)
    eta_seconds = models.PositiveIntegerField(_("eta seconds"), null=True, blank=True)

    # Who works at it (leases.py).
    #: The try it is at, against IMPORT_MAX_ATTEMPTS; one handed back or ended by a stated wait does not count.
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    #: Counts every claim; each write of a worker carries the number that it was given.
    fence = models.PositiveIntegerField(_("fence"), default=0)
    lease_owner = models.CharField(_("lease owner"), max_length=120, blank=True, default="")
    lease_expires_at = models.DateTimeField(_("lease expires at"), null=True, blank=True)
    not_before = models.DateTimeField(_("not before"), null=True, blank=True)
    #: An attempt went as far as putting the tag. Until the row ends no one knows whether it moved, so such a task is
    #: carried through: not canceled, and not given up for a lost worker or a target that is away.
    publishing = models.BooleanField(_("publishing"), default=False, db_default=False, db_column="committing")
    #: It waits for the hours in which it may move bytes (worker.windows), and someone has said that it need not.
    waits_for_window = models.BooleanField(_("waits for its hours"), default=False, db_default=False)
    outside_window = models.BooleanField(_("outside its hours"), default=False, db_default=False)
    #: The proxy or mirror that served it; empty: the registry itself, directly.
    via = models.CharField(_("by way of"), max_length=600, blank=True, default="", db_default="")
    #: What was found of the image's signatures: see :mod:`projects.signatures`; null: not asked.
    signature = models.JSONField(_("signature"), null=True, blank=True)
    #: When it first began to wait for something outside; bounds the waiting.
    waiting_since = models.DateTimeField(_("waiting since"), null=True, blank=True)

    # Where it comes from.
    retry_of = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="retries",
        verbose_name=_("retry of"),
    )
    batch = models.ForeignKey(
        ImportBatch,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="tasks",
        db_index=False,
        verbose_name=_("batch"),
    )
    batch_index = models.PositiveIntegerField(_("batch index"), null=True, blank=True)
    #: Another task took its place in the batch's counts.
    replaced = models.BooleanField(_("replaced"), default=False)
    schedule = models.ForeignKey(
        Schedule,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="tasks",
        db_index=False,
        verbose_name=_("schedule"),
    )
    schedule_run = models.ForeignKey(
        ScheduleRun,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="tasks",
        verbose_name=_("schedule run"),
    )
    #: A failed import stays on the project page until someone dismisses or retries it.
    dismissed_at = models.DateTimeField(_("dismissed at"), null=True, blank=True)

    #: Of the HTTP request that asked for it, for the logs.
    request_id = models.CharField(
        _("request id"), max_length=64, blank=True, default=current_request_id, db_default=""
    )

    created_at = models.DateTimeField(_("created"), default=timezone.now)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    updated_at = models.DateTimeField(_("updated"), default=timezone.now)
    completed_at = models.DateTimeField(_("completed"), null=True, blank=True)

    objects = ImportTaskQuerySet.as_manager()

    class Meta:
        db_table = "image_import_tasks"
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        ordering = ("-created_at", "-id")
        constraints = [
            models.UniqueConstraint(
                fields=("project", "target_name", "target_tag"),
                condition=Q(status__in=("requested", "pending", "running", "canceling")) & ~Q(target_name=""),
                name="one_writer_a_target",
            ),
            # What the state diagram says of every row, those of a bulk insert too: these may leave out an end's time
            # or a lease. A batch may be deleted, its imports keep their ``batch_index``.
            models.CheckConstraint(condition=Q(status__in=Status.values), name="task_status_known"),
            models.CheckConstraint(condition=Q(progress__range=(0, 100)), name="task_progress_percent"),
            models.CheckConstraint(
                condition=Q(completed_at=None) | Q(status__in=TERMINAL), name="task_completed_if_ended"
            ),
            models.CheckConstraint(
                condition=Q(lease_owner="", lease_expires_at=None) | Q(status__in=OCCUPYING),
                name="task_leased_if_occupying",
            ),
        ]
        # Each with what asks for it; a heartbeat and a progress update change no column of any.
        indexes = [
            # The API's list and the history page: all, and of one status.
            models.Index(fields=("project", "-created_at", "-id"), name="task_newest"),
            models.Index(fields=("project", "status", "-created_at", "-id"), name="task_status"),
            # The same by their ends; the second also finds what has just arrived or failed, for the project page.
            models.Index(fields=("project", "-completed_at", "-id"), name="task_last_ended"),
            models.Index(fields=("project", "status", "-completed_at", "-id"), name="task_status_ended"),
            # The overview: failures that no one dismissed.
            models.Index(
                fields=("project", "status", "-created_at", "-id"),
                condition=Q(dismissed_at__isnull=True),
                name="task_undismissed",
            ),
            # The page of a tag, and what a schedule's comparison knows of one.
            models.Index(
                fields=("project", "target_name", "target_tag", "-created_at", "-id"), name="task_target"
            ),
            # ``?batch=``, and a batch's counts.
            models.Index(
                fields=("batch", "batch_index"), condition=Q(batch__isnull=False), name="task_batch"
            ),
            # ``?schedule=``: all, of one status, ordered by their ends.
            models.Index(
                fields=("schedule", "-created_at"), condition=Q(schedule__isnull=False), name="task_schedule"
            ),
            models.Index(
                fields=("schedule", "status", "-created_at", "-id"),
                condition=Q(schedule__isnull=False),
                name="task_schedule_status",
            ),
            models.Index(
                fields=("schedule", "-completed_at", "-id"),
                condition=Q(schedule__isnull=False),
                name="task_schedule_ended",
            ),
            # What waits for its hours, to be let go when they change.
            models.Index(
                fields=("project",), condition=Q(waits_for_window=True), name="task_waits_for_hours"
            ),
            # The claim: what waits by account and project, however much that is; the limits of the queue.
            models.Index(
                fields=("requested_by", "project", "priority", "created_at", "not_before"),
                condition=Q(status="pending"),
                name="task_waiting_account",
            ),
            # What runs or waits in the installation: claim, sweep, metrics; the admin's filter by status.
            models.Index(fields=("status", "-created_at", "-id"), name="task_status_all"),
            # ``?requested_by=`` of a robot account; of a person the foreign key's own.
            models.Index(fields=("robot",), condition=~Q(robot=""), name="task_by_robot"),
            # The rotation of keys.
            models.Index(fields=("completed_at",), condition=~Q(password=""), name="task_holds_secret"),
            # The admin: all, by error code, by transport.
            models.Index(fields=("-created_at", "-id"), name="task_newest_all"),
            models.Index(
                fields=("error_code", "-created_at", "-id"),
                condition=~Q(error_code=""),
                name="task_error_code",
            ),
            models.Index(
                fields=("-created_at", "-id"), condition=Q(transport="docker"), name="task_by_docker"
            ),
        ]

    def __str__(self) -> str:
        return self.source_image or self.image_url

    @property
    def audit_subject(self) -> str:
        return self.source_image

    @property
    def audit_detail(self) -> dict[str, str]:
        return {"task": str(self.pk), "target": self.target_image}

    @property
    def requester(self) -> str:
        """The name of the user or robot account that asked; empty where no one did, or the user is gone."""
        return self.requested_by.get_username() if self.requested_by else self.robot

    @property
    def percent(self) -> int:
        """How far it is: see :func:`imageimport.choices.percent`."""
        return percent(status=self.status, stage=self.stage, progress=self.progress)

    @property
    def is_active(self) -> bool:
        return self.status in ACTIVE

    @property
    def is_moving(self) -> bool:
        """Whether it goes on without anyone's word."""
        return self.status in MOVING

    @property
    def is_requested(self) -> bool:
        return self.status == Status.REQUESTED

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL

    @property
    def can_cancel(self) -> bool:
        return self.status in (Status.REQUESTED, Status.PENDING, Status.RUNNING)

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
