"""Scanners that the operators name, and what they found in images."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.ids import new_id
from accounts.models import Created
from accounts.sealed import SealedTextField


class Scanner(Created):
    """A service that speaks Harbor's Pluggable Scanner API."""

    class Auth(models.TextChoices):
        NONE = "none", _("None")
        #: ``user:password``
        BASIC = "basic", _("Username and password")
        BEARER = "bearer", _("Bearer token")
        API_KEY = "api_key", _("API key")

    #: For the audit log, which is of projects else: this one is the installation's.
    project = None

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    name = models.CharField(_("name"), max_length=100, unique=True)
    url = models.CharField(_("URL"), max_length=1000)
    auth_kind = models.CharField(_("sign-in"), max_length=7, choices=Auth.choices, default=Auth.NONE)
    auth_value = SealedTextField(_("secret"))
    enabled = models.BooleanField(_("enabled"), default=True)
    scan_on_import = models.BooleanField(_("scan new images"), default=True)

    class Meta:
        verbose_name = _("scanner")
        verbose_name_plural = _("scanners")
        ordering = ("name", "id")

    def __str__(self) -> str:
        return self.name

    @property
    def audit_subject(self) -> str:
        return self.name

    @property
    def audit_detail(self) -> dict[str, str]:
        return {"scanner": str(self.pk), "url": self.url}


class ImageScan(models.Model):
    """What a scanner found, or is to find, in what a project's repository has under a digest
    (:mod:`projects.scanning`)."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Waiting for the scanner")
        RUNNING = "running", _("Being scanned")
        DONE = "done", _("Scanned")
        FAILED = "failed", _("Scan failed")

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(
        "projects.Project", on_delete=models.CASCADE, related_name="scans", verbose_name=_("project")
    )
    repository = models.CharField(_("repository"), max_length=255)
    digest = models.CharField(_("digest"), max_length=160)
    scanner = models.ForeignKey(
        Scanner, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("scanner")
    )
    #: Kept when the scanner goes.
    scanner_name = models.CharField(_("scanner"), max_length=100)
    state = models.CharField(_("state"), max_length=7, choices=State.choices, default=State.QUEUED)
    critical = models.PositiveIntegerField(_("critical"), default=0)
    high = models.PositiveIntegerField(_("high"), default=0)
    medium = models.PositiveIntegerField(_("medium"), default=0)
    low = models.PositiveIntegerField(_("low"), default=0)
    negligible = models.PositiveIntegerField(_("negligible"), default=0)
    unknown = models.PositiveIntegerField(_("unknown"), default=0)
    scanned_at = models.DateTimeField(_("scanned"), null=True, blank=True)
    #: What the last scan found that ended well, compressed JSON.
    found = models.BinaryField(default=b"")
    #: ``[{"digest", "media_type", "platform"}, …]``: what is scanned one after the other, how many are done, and what
    #: the scanner calls the one that it has now. The last one that is done has what was ``found`` until then.
    parts = models.JSONField(default=list, blank=True)
    parts_done = models.PositiveIntegerField(default=0)
    ticket = models.CharField(max_length=255, blank=True, default="")
    #: Why the last one failed: ``{"template", "params", "passing"}``; stays until one ends well.
    error = models.JSONField(_("error"), null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    requested_at = models.DateTimeField(_("requested"), default=timezone.now)
    next_at = models.DateTimeField(null=True, blank=True, default=timezone.now)
    #: The worker that asks for it has it until then.
    claimed_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("scan")
        verbose_name_plural = _("scans")
        constraints = [
            models.UniqueConstraint(fields=("project", "repository", "digest"), name="scan_once_a_digest")
        ]
        indexes = [
            models.Index(fields=("next_at",), condition=models.Q(next_at__isnull=False), name="scan_due")
        ]

    def __str__(self) -> str:
        return f"{self.repository}@{self.digest}"

    @property
    def counts(self) -> dict[str, int]:
        names = ("unknown", "negligible", "low", "medium", "high", "critical")
        return {name: getattr(self, name) for name in names}
