from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.ids import new_id
from accounts.sealed import SealedTextField
from projects.models import Project


class Credential(models.Model):
    """A saved sign-in of a project at one registry; used by name, never shown again."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="credentials")
    name = models.CharField(_("name"), max_length=100)
    #: Normalised registry (``docker.io``, ``host:port``); the secret goes nowhere else.
    registry = models.CharField(_("registry"), max_length=255)
    username = models.CharField(_("username"), max_length=255, blank=True, default="")
    password = SealedTextField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("name",)
        constraints = [models.UniqueConstraint(fields=("project", "name"), name="credential_name_once")]

    def __str__(self) -> str:
        return self.name
