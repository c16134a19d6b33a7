from __future__ import annotations

from typing import Final

from django.db import models
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from accounts.ids import new_id
from accounts.models import Created, Requested
from imageimport.models.credential import Credential
from projects.models import Project

#: Bounds of ``newest`` and ``min_age_days``.
MAX_NEWEST: Final = 1000
MAX_DAYS: Final = 3650


class Schedule(Created):
    """A repository that is kept in step by a cron line: only what is new or moved is imported."""

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="schedules", verbose_name=_("project")
    )
    image_url = models.CharField(_("image"), max_length=600)
    #: Exact names, globs (``1.2*``) or ``semver:>=1.2 <2``; empty means the tag of ``image_url``.
    tags = models.JSONField(_("tags"), default=list, blank=True)
    exclude_tags = models.JSONField(_("excluded tags"), default=list, blank=True)
    #: Of the tags that patterns and ranges fit, this many with the highest versions; None: all of them.
    newest = models.PositiveSmallIntegerField(_("only the newest"), null=True, blank=True)
    #: An image younger than this waits for a later run, days.
    min_age_days = models.PositiveSmallIntegerField(_("minimum age in days"), null=True, blank=True)
    target_name = models.CharField(_("target name"), max_length=255, blank=True, default="")
    platforms = models.JSONField(_("platforms"), default=list, blank=True)
    #: As of :attr:`imageimport.models.ImportTask.platforms_by_default`.
    platforms_by_default = models.BooleanField(_("platforms by default"), default=False, db_default=False)
    credential = models.ForeignKey(
        Credential,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="schedules",
        verbose_name=_("credential"),
    )
    cron = models.CharField(_("cron"), max_length=120)
    timezone = models.CharField(_("time zone"), max_length=64, default="UTC")
    enabled = models.BooleanField(_("enabled"), default=True)
    next_run_at = models.DateTimeField(_("next run"), null=True, blank=True)
    last_run_at = models.DateTimeField(_("last run"), null=True, blank=True)
    #: ``{"checked", "imported", "unchanged", "failed"}`` of the run that ended last.
    last_result = models.JSONField(_("last result"), null=True, blank=True)
    #: Of its source, as of the last list of tags: those that are here and gone there, and the newest version beyond its
    #: rules (:mod:`imageimport.schedules.upstream`).
    gone = models.JSONField(_("gone at the source"), default=list, blank=True, db_default=[])
    newer = models.CharField(
        _("newer version at the source"), max_length=128, blank=True, default="", db_default=""
    )
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        verbose_name = _("scheduled sync")
        verbose_name_plural = _("scheduled syncs")
        ordering = ("image_url", "id")
        indexes = [models.Index(fields=("enabled", "next_run_at"), name="schedule_due")]

    def __str__(self) -> str:
        return self.image_url

    @property
    def audit_subject(self) -> str:
        return self.image_url

    @property
    def audit_detail(self) -> dict[str, str]:
        return {"schedule": str(self.pk)}


class ScheduleRun(Requested):
    """One run: what was looked at, what was new, moved, unchanged or failed, and what it cost the source."""

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    schedule = models.ForeignKey(
        Schedule, on_delete=models.CASCADE, related_name="runs", verbose_name=_("schedule")
    )
    started_at = models.DateTimeField(_("started at"), default=now, editable=False)
    #: When the tags were compared; its imports may go on after that.
    checked_at = models.DateTimeField(_("checked at"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    #: Who works at the comparison, and until when that is believed.
    lease_owner = models.CharField(_("lease owner"), max_length=120, blank=True, default="")
    lease_expires_at = models.DateTimeField(_("lease expires at"), null=True, blank=True)
    #: Workers that took it up; after some that were lost it is given up.
    tries = models.PositiveSmallIntegerField(_("tries"), default=0, db_default=0)
    #: The tags to look at, once they are known and until the comparison ends; and how many of them were looked at. A
    #: run that waits for its turn, or for a rate limit, goes on there.
    todo = models.JSONField(_("todo"), null=True, blank=True)
    position = models.PositiveIntegerField(_("position"), default=0, db_default=0)
    checked = models.PositiveIntegerField(_("checked"), default=0)
    new = models.PositiveIntegerField(_("new"), default=0)
    moved = models.PositiveIntegerField(_("moved"), default=0)
    unchanged = models.PositiveIntegerField(_("unchanged"), default=0)
    failed = models.PositiveIntegerField(_("failed"), default=0)
    #: Of the failed, those that no import was begun for; known when the comparison ended. The others may be retried.
    tags_failed = models.PositiveIntegerField(_("tags failed"), null=True, blank=True)
    #: Manifest GETs spent on comparing (HEADs are free at Docker Hub).
    pulls = models.PositiveIntegerField(_("pulls"), default=0)
    #: ``[{"tag", "digest", "was", "result": new, moved, busy, failed, cleaned or waiting, "task", "code", "error":
    #: parts, "until"}, …]``: the tags that changed, failed or are too young, up to a bound.
    items = models.JSONField(_("items"), default=list, blank=True)
    error_code = models.CharField(_("error code"), max_length=32, blank=True, default="")
    error = models.TextField(_("error"), blank=True, default="")
    error_parts = models.JSONField(_("error parts"), default=dict, blank=True)

    class Meta:
        verbose_name = _("sync run")
        verbose_name_plural = _("sync runs")
        ordering = ("-started_at", "-id")
        indexes = [models.Index(fields=("schedule", "-started_at", "-id"), name="schedule_run_newest")]
        constraints = [
            models.UniqueConstraint(
                fields=("schedule",), condition=models.Q(ended_at=None), name="no_overlap_with_itself"
            )
        ]

    def __str__(self) -> str:
        return f"{self.schedule_id} {self.started_at:%Y-%m-%d %H:%M}"
