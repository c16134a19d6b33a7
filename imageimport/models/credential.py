from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.ids import new_id
from accounts.models import Created
from accounts.sealed import SealedTextField
from projects.models import Project


class Credential(Created):
    """A saved sign-in of a project at one registry; used by name, never shown again."""

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="credentials", verbose_name=_("project")
    )
    name = models.CharField(_("name"), max_length=100)
    #: Normalised registry (``docker.io``, ``host:port``); the secret goes nowhere else.
    registry = models.CharField(_("registry"), max_length=255)
    username = models.CharField(_("username"), max_length=255, blank=True, default="")
    password = SealedTextField(_("password"))
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)
    last_used_at = models.DateTimeField(_("last used at"), null=True, blank=True)

    class Meta:
        verbose_name = _("credential")
        verbose_name_plural = _("credentials")
        ordering = ("name",)
        constraints = [models.UniqueConstraint(fields=("project", "name"), name="credential_name_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def audit_subject(self) -> str:
        return self.name

    @property
    def audit_detail(self) -> dict[str, str]:
        return {"registry": self.registry, "username": self.username}
