from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.ids import new_id
from accounts.models import Created
from accounts.sealed import SealedTextField


class SourceRule(Created):
    """How hosts that fit a pattern are reached, by the operators' word; behind the rules of the environment."""

    #: For the audit log, which is of projects else: this one is the installation's.
    project = None

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    position = models.PositiveIntegerField(_("position"), default=0)
    #: As :class:`oci.egress.proxies.HostPattern` reads it.
    pattern = models.CharField(_("pattern"), max_length=300, unique=True)
    #: A proxy's URL without its password, ``direct``, ``environment``; empty: nothing is said.
    proxy = models.CharField(_("proxy"), max_length=600, blank=True, default="")
    proxy_password = SealedTextField(_("proxy password"))
    mirrors_only = models.BooleanField(_("mirrors only"), default=False)
    private = models.BooleanField(_("may be at private addresses"), default=False)
    insecure = models.BooleanField(_("plain HTTP"), default=False)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        verbose_name = _("source")
        verbose_name_plural = _("sources")
        ordering = ("position", "created_at", "id")

    def __str__(self) -> str:
        return self.pattern

    @property
    def audit_subject(self) -> str:
        return self.pattern

    @property
    def audit_detail(self) -> dict[str, str]:
        return {"source": str(self.pk)}


class SourceMirror(models.Model):
    """Where a rule's hosts are read first, in order; its account is shown to it and to no one else."""

    id = models.BigAutoField(_("id"), primary_key=True)
    rule = models.ForeignKey(
        SourceRule, on_delete=models.CASCADE, related_name="mirrors", verbose_name=_("source")
    )
    position = models.PositiveIntegerField(_("position"), default=0)
    #: http or https; a path is a prefix of all its repositories.
    url = models.CharField(_("URL"), max_length=1000)
    username = models.CharField(_("username"), max_length=255, blank=True, default="")
    password = SealedTextField(_("password"))

    class Meta:
        verbose_name = _("mirror")
        verbose_name_plural = _("mirrors")
        ordering = ("position", "id")

    def __str__(self) -> str:
        return self.url


class SourceWay(models.Model):
    """What was seen of one way to one registry: how fast it was, and what failed on it last."""

    id = models.BigAutoField(_("id"), primary_key=True)
    registry = models.CharField(_("registry"), max_length=255)
    #: As of :attr:`ImportTask.via`; empty: directly.
    via = models.CharField(_("by way of"), max_length=600, blank=True, default="")
    #: Bytes a second of the last import that moved enough to tell.
    speed = models.PositiveBigIntegerField(_("speed"), null=True, blank=True)
    measured_at = models.DateTimeField(_("measured"), null=True, blank=True)
    error_code = models.CharField(_("error code"), max_length=32, blank=True, default="")
    error = models.TextField(_("last error"), blank=True, default="")
    error_parts = models.JSONField(_("error parts"), default=dict, blank=True)
    failed_at = models.DateTimeField(_("failed"), null=True, blank=True)
    seen_at = models.DateTimeField(_("last seen"), default=timezone.now)

    class Meta:
        verbose_name = _("way to a source")
        verbose_name_plural = _("ways to sources")
        ordering = ("registry", "via", "id")
        constraints = [models.UniqueConstraint(fields=("registry", "via"), name="way_once")]
        indexes = [models.Index(fields=("-seen_at",), name="way_seen")]

    def __str__(self) -> str:
        return f"{self.registry} {self.via}".strip()
