from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.ids import new_id
from accounts.models import Created
from imageimport.choices import Action, Status, Verdict
from imageimport.models.task import ImportTask
from projects.models import Project


class PolicyRule(Created):
    """What may come in, of one project or, without one, of the installation. Asked in order; equal positions: the
    older first."""

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(
        Project,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="policy_rules",
        verbose_name=_("project"),
    )
    position = models.PositiveIntegerField(_("position"), default=1)
    name = models.CharField(_("name"), max_length=100)
    #: Globs over ``registry/repository``, over tags, and over tags that it leaves to others; empty: all, all, none.
    sources = models.JSONField(_("sources"), default=list, blank=True)
    tags = models.JSONField(_("tags"), default=list, blank=True)
    exclude_tags = models.JSONField(_("excluded tags"), default=list, blank=True)
    action = models.CharField(_("action"), max_length=8, choices=Action.choices)
    #: ``{"max_bytes", "min_age_days", "min_seen_days", "platforms", "signed_by", "max_severity"}``, each only where it
    #: is required.
    requires = models.JSONField(_("requirements"), default=dict, blank=True)
    #: What people who are refused or have to ask are told.
    message = models.CharField(_("message"), max_length=500, blank=True, default="")
    enabled = models.BooleanField(_("enabled"), default=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        verbose_name = _("rule")
        verbose_name_plural = _("rules")
        ordering = ("position", "created_at", "id")
        indexes = [models.Index(fields=("project", "position", "created_at", "id"), name="rule_order")]

    def __str__(self) -> str:
        return self.name

    @property
    def of(self) -> str:
        return "project" if self.project_id else "installation"

    @property
    def audit_subject(self) -> str:
        return self.name

    @property
    def audit_detail(self) -> dict[str, str]:
        return {"rule": str(self.pk), "action": self.action}


class ApprovalRequest(models.Model):
    """An import that waits, or waited, for someone's approval: what asked for it, what was seen, what was decided.

    The task's status says whether it still waits. An approval is for ``digest``, and for nothing else that the tag may
    name by then.
    """

    task = models.OneToOneField(
        ImportTask,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="approval",
        verbose_name=_("import"),
    )
    #: As it was then: ``{"id", "name", "of"}``; empty where the project's default asked.
    rule = models.JSONField(_("rule"), default=dict, blank=True)
    message = models.CharField(_("message"), max_length=500, blank=True, default="")
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("expires"))

    # What a worker saw at the source. No blob is read for it.
    look_at = models.DateTimeField(_("next check"), null=True, blank=True, default=timezone.now)
    looks = models.PositiveIntegerField(_("checks"), default=0)
    #: ``[{"platform", "digest", "size"}, …]``
    platforms = models.JSONField(_("platforms"), default=list, blank=True)
    referrers = models.PositiveIntegerField(_("referrers"), default=0)
    error = models.TextField(_("error"), blank=True, default="")
    error_parts = models.JSONField(_("error parts"), default=dict, blank=True)

    # What was decided.
    verdict = models.CharField(_("verdict"), max_length=8, choices=Verdict.choices, blank=True, default="")
    digest = models.CharField(_("approved digest"), max_length=160, blank=True, default="")
    reason = models.CharField(_("reason"), max_length=500, blank=True, default="")
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("decided by"),
    )
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)

    class Meta:
        verbose_name = _("request")
        verbose_name_plural = _("requests")
        indexes = [
            models.Index(
                fields=("look_at",), condition=models.Q(look_at__isnull=False), name="request_look_due"
            ),
            models.Index(fields=("expires_at",), condition=models.Q(verdict=""), name="request_expires"),
        ]

    def __str__(self) -> str:
        return str(self.task_id)

    @property
    def was_seen(self) -> bool:
        """Whether a look has found what would be approved. Only a look writes the digest of a tag; a source that is
        named by its digest has one from the beginning.
        """
        digest = self.task.source_digest
        if digest != self.task.source_image.partition("@")[2]:
            return bool(digest)
        return bool(digest) and self.looks > 0 and (not self.error or bool(self.platforms))

    @property
    def project(self) -> Project:
        return self.task.project

    @property
    def audit_subject(self) -> str:
        return self.task.audit_subject

    @property
    def audit_detail(self) -> dict[str, Any]:
        return {**self.task.audit_detail, "digest": self.task.source_digest}

    @property
    def is_open(self) -> bool:
        return self.task.status == Status.REQUESTED
