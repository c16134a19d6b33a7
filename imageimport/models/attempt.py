"""What became of an import: each attempt at it, and the layers of the last one."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from imageimport.choices import LAYER_STATES, Outcome
from imageimport.models.task import ImportTask
from oci.copy.observer import LayerState


class ImportLayer(models.Model):
    """One blob of a task, for the live table; pruned some time after the end."""

    id = models.BigAutoField(_("id"), primary_key=True)
    task = models.ForeignKey(
        ImportTask, on_delete=models.CASCADE, related_name="layers", verbose_name=_("task")
    )
    position = models.PositiveIntegerField(_("position"))
    digest = models.CharField(_("digest"), max_length=160)
    media_type = models.CharField(_("media type"), max_length=255, blank=True, default="")
    #: Empty where it is for several platforms, or no index says which.
    platform = models.CharField(_("platform"), max_length=255, blank=True, default="")
    size = models.PositiveBigIntegerField(_("size"), default=0)
    bytes_done = models.PositiveBigIntegerField(_("bytes done"), default=0)
    state = models.CharField(_("state"), max_length=8, choices=LAYER_STATES, default=LayerState.WAITING.value)
    #: Over so many it came, or comes; 0: over none of ours.
    connections = models.PositiveSmallIntegerField(_("connections"), default=0, db_default=0)

    #: The upload at the target that the end of the hours left half-way: what a later attempt needs to go on with it.
    kept_upload = models.JSONField(_("kept upload"), null=True, blank=True)

    class Meta:
        db_table = "image_import_layers"
        ordering = ("position",)
        constraints = [models.UniqueConstraint(fields=("task", "digest"), name="layer_once_a_task")]

    def __str__(self) -> str:
        return self.digest


class ImportAttempt(models.Model):
    """One claim of a task: its history, kept forever. Claims that did not count share their number with the next."""

    id = models.BigAutoField(_("id"), primary_key=True)
    task = models.ForeignKey(
        ImportTask, on_delete=models.CASCADE, related_name="history", verbose_name=_("task")
    )
    fence = models.PositiveIntegerField(_("fence"))
    attempt = models.PositiveIntegerField(_("attempt"))
    worker = models.CharField(_("worker"), max_length=120, blank=True, default="")
    started_at = models.DateTimeField(_("started at"), default=timezone.now)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    outcome = models.CharField(_("outcome"), max_length=12, choices=Outcome.choices, default=Outcome.RUNNING)
    error_code = models.CharField(_("error code"), max_length=32, blank=True, default="")
    error = models.TextField(_("error"), blank=True, default="")
    error_parts = models.JSONField(_("error parts"), default=dict, blank=True)

    class Meta:
        db_table = "image_import_attempts"
        ordering = ("fence",)
        constraints = [models.UniqueConstraint(fields=("task", "fence"), name="attempt_once")]

    def __str__(self) -> str:
        return f"{self.task_id} #{self.attempt}"
