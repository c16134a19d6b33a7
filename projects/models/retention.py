"""Clean-up: protected tags, rules, what was taken, what a project's bytes are, and collections of garbage."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.ids import new_id
from accounts.models import Created, Requested
from projects.models.facts import ImageFacts


class ProtectedTag(Created):
    """Existing tags that fit ``pattern`` do not change (:mod:`projects.protection`)."""

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(
        "projects.Project",
        on_delete=models.CASCADE,
        related_name="protected_tags",
        verbose_name=_("project"),
    )
    #: A glob over ``<repository>:<tag>``.
    pattern = models.CharField(_("pattern"), max_length=400)

    class Meta:
        verbose_name = _("protected tag")
        verbose_name_plural = _("protected tags")
        ordering = ("created_at", "id")
        constraints = [models.UniqueConstraint(fields=("project", "pattern"), name="protected_once")]

    def __str__(self) -> str:
        return self.pattern

    @property
    def audit_subject(self) -> str:
        return self.pattern

    @property
    def audit_detail(self) -> dict[str, str]:
        return {}


class RetentionRule(Created):
    """Which tags it is about, and which of those stay (:mod:`projects.retention.decision`)."""

    class Order(models.TextChoices):
        PUSHED = "pushed", _("When they were updated")
        VERSION = "version", _("Version")

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(
        "projects.Project",
        on_delete=models.CASCADE,
        related_name="retention_rules",
        verbose_name=_("project"),
    )
    #: Globs over names inside the project; empty: all.
    repositories = models.JSONField(_("repositories"), default=list, blank=True)
    #: Exact names, globs or ``semver:`` ranges; empty: all.
    tags = models.JSONField(_("tags"), default=list, blank=True)
    keep_newest = models.PositiveIntegerField(_("keep the newest"), null=True, blank=True)
    keep_pulled_days = models.PositiveIntegerField(_("keep pulled within days"), null=True, blank=True)
    keep_pushed_days = models.PositiveIntegerField(_("keep set within days"), null=True, blank=True)
    order = models.CharField(_("order"), max_length=7, choices=Order.choices, default=Order.PUSHED)
    enabled = models.BooleanField(_("enabled"), default=True)

    class Meta:
        verbose_name = _("retention rule")
        verbose_name_plural = _("retention rules")
        ordering = ("created_at", "id")

    def __str__(self) -> str:
        return f"{', '.join(self.repositories) or '*'}:{', '.join(self.tags) or '*'}"

    @property
    def audit_subject(self) -> str:
        return str(self)

    @property
    def audit_detail(self) -> dict[str, str]:
        return {"rule": str(self.pk)}


class TrashedTag(ImageFacts):
    """A tag that was taken out of a project, with all that is needed to bring it back.

    The row stays after its content went (``gone_at``): schedules do not bring back what clean-up took.
    """

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(
        "projects.Project", on_delete=models.CASCADE, related_name="trash", verbose_name=_("project")
    )
    #: When the tag had been set.
    set_at = models.DateTimeField(_("set at"))
    removed_at = models.DateTimeField(_("removed at"), default=timezone.now)
    removed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("removed by"),
    )
    #: Clean-up took it, not a person.
    by_rule = models.BooleanField(_("by a rule"), default=False)
    #: Until then it can be brought back.
    expires_at = models.DateTimeField(_("expires"))
    #: Its content is no longer kept since then.
    gone_at = models.DateTimeField(_("gone at"), null=True, blank=True)

    class Meta:
        verbose_name = _("tag in the trash")
        verbose_name_plural = _("tags in the trash")
        ordering = ("-removed_at", "-id")
        indexes = [
            models.Index(fields=("project", "gone_at", "-removed_at", "-id"), name="trash_newest"),
            models.Index(fields=("project", "repository", "tag", "-removed_at"), name="trash_tag"),
            models.Index(fields=("gone_at", "expires_at"), name="trash_due"),
        ]

    @property
    def audit_detail(self) -> dict[str, str]:
        return {"digest": self.digest}


class Reservation(models.Model):
    """Room in a project for a tag that is about to name something again (:mod:`projects.quota`)."""

    project = models.ForeignKey("projects.Project", on_delete=models.CASCADE, related_name="+")
    images = models.PositiveSmallIntegerField(_("images"))
    bytes = models.PositiveBigIntegerField(_("bytes"))
    #: It ends by itself then, if the process that has it died.
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.project_id}: {self.images}"


class ImageBlob(models.Model):
    """One blob of a tag's image, over all platforms: what a project shares with others, and what removing a tag frees.
    Written with the tag's row (:func:`projects.services.record_image`)."""

    image = models.ForeignKey("projects.Image", on_delete=models.CASCADE, related_name="blobs")
    project = models.ForeignKey("projects.Project", on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(_("digest"), max_length=160)
    size = models.PositiveBigIntegerField(_("size"), default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=("image", "digest"), name="one_row_a_blob_of_an_image")]
        indexes = [
            # With the size, so that a project's bytes are added up without its rows (projects.retention.usage).
            models.Index(fields=("project", "digest", "size"), name="blob_of_project"),
            models.Index(fields=("digest", "project"), name="blob_held_by"),
        ]

    def __str__(self) -> str:
        return self.digest


class UsageDay(models.Model):
    """What a project held at the end of a day, or last on this one."""

    project = models.ForeignKey("projects.Project", on_delete=models.CASCADE, related_name="usage_days")
    day = models.DateField(_("day"))
    images = models.BigIntegerField(_("images"), default=0)
    bytes = models.BigIntegerField(_("bytes"), default=0)

    class Meta:
        ordering = ("day",)
        constraints = [models.UniqueConstraint(fields=("project", "day"), name="usage_once_a_day")]

    def __str__(self) -> str:
        return f"{self.project_id} {self.day}"


class PushGrant(models.Model):
    """One row: when the token service last let someone write (:mod:`projects.token_service.writers`)."""

    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S}"


class Collection(Requested):
    """One collection of the registry's garbage. ``waiting`` holds back who writes; ``running`` deletes."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")

    OPEN = (State.WAITING, State.RUNNING)

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    state = models.CharField(_("state"), max_length=7, choices=State.choices, default=State.WAITING)
    asked_at = models.DateTimeField(_("requested at"), default=timezone.now)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    #: A collector that works at it renews this; one that is over is taken up by another.
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    freed_bytes = models.BigIntegerField(_("freed bytes"), null=True, blank=True)
    manifests = models.PositiveIntegerField(_("manifests"), default=0)
    blobs = models.PositiveIntegerField(_("blobs"), default=0)
    #: A sentence's template and values (as of an engine's error), empty unless it failed.
    error: Any = models.JSONField(_("error"), default=dict, blank=True)

    class Meta:
        verbose_name = _("garbage collection")
        verbose_name_plural = _("garbage collections")
        ordering = ("-asked_at", "-id")
        constraints = [
            models.UniqueConstraint(
                models.Value(1),
                condition=models.Q(state__in=("waiting", "running")),
                name="one_open_collection",
            )
        ]

    def __str__(self) -> str:
        return f"{self.asked_at:%Y-%m-%d %H:%M} {self.state}"
