from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from accounts.ids import new_id
from imageimport.models.credential import Credential
from projects.models import Project


class Schedule(models.Model):
    """A repository that is kept in step by a cron line: only what is new or moved is imported."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="schedules")
    image_url = models.CharField(_("image"), max_length=600)
    #: Exact names, globs (``1.2*``) or ``semver:>=1.2 <2``; empty means the tag of ``image_url``.
    tags = models.JSONField(_("tags"), default=list, blank=True)
    exclude_tags = models.JSONField(_("excluded tags"), default=list, blank=True)
    target_name = models.CharField(_("target name"), max_length=255, blank=True, default="")
    platforms = models.JSONField(_("platforms"), default=list, blank=True)
    credential = models.ForeignKey(
        Credential, on_delete=models.SET_NULL, null=True, blank=True, related_name="schedules"
    )
    cron = models.CharField(_("cron"), max_length=120)
    timezone = models.CharField(_("time zone"), max_length=64, default="UTC")
    enabled = models.BooleanField(_("enabled"), default=True)
    next_run_at = models.DateTimeField(_("next run"), null=True, blank=True)
    last_run_at = models.DateTimeField(_("last run"), null=True, blank=True)
    #: ``{"checked", "imported", "unchanged", "failed"}`` of the run that ended last.
    last_result = models.JSONField(_("last result"), null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(_("created"), default=now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("scheduled sync")
        verbose_name_plural = _("scheduled syncs")
        ordering = ("image_url", "id")
        indexes = [models.Index(fields=("enabled", "next_run_at"), name="schedule_due")]

    def __str__(self) -> str:
        return self.image_url


class ScheduleRun(models.Model):
    """One run: what was looked at, what was new, moved, unchanged or failed, and what it cost the source."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="runs")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    started_at = models.DateTimeField(default=now, editable=False)
    #: When the tags were compared; its imports may go on after that.
    checked_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    #: Who works at the comparison, and until when that is believed.
    lease_owner = models.CharField(max_length=120, blank=True, default="")
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    #: Workers that took it up; after some that were lost it is given up.
    tries = models.PositiveSmallIntegerField(default=0, db_default=0)
    #: The tags to look at, once they are known and until the comparison ends; and how many of them were looked at. A
    #: run that waits for its turn, or for a rate limit, goes on there.
    todo = models.JSONField(null=True, blank=True)
    position = models.PositiveIntegerField(default=0, db_default=0)
    checked = models.PositiveIntegerField(default=0)
    new = models.PositiveIntegerField(default=0)
    moved = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    #: Of the failed, those that no import was begun for; known when the comparison ended. The others may be retried.
    tags_failed = models.PositiveIntegerField(null=True, blank=True)
    #: Manifest GETs spent on comparing (HEADs are free at Docker Hub).
    pulls = models.PositiveIntegerField(default=0)
    #: ``[{"tag", "digest", "was", "result": new, moved, busy or failed, "task", "code", "error": parts}, …]``: the tags
    #: that changed or failed, up to a bound.
    items = models.JSONField(default=list, blank=True)
    error_code = models.CharField(max_length=32, blank=True, default="")
    error = models.TextField(blank=True, default="")
    error_parts = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ("-started_at", "-id")
        indexes = [models.Index(fields=("schedule", "-started_at", "-id"), name="schedule_run_newest")]
        constraints = [
            models.UniqueConstraint(
                fields=("schedule",), condition=models.Q(ended_at=None), name="no_overlap_with_itself"
            )
        ]

    def __str__(self) -> str:
        return f"{self.schedule_id} {self.started_at:%Y-%m-%d %H:%M}"
