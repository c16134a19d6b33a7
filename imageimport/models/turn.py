"""Whose turn it was, so that the next one is another's."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from projects.models import Project


class ProjectTurn(models.Model):
    """When a project's import last took a place, so that the next place goes to who waited longest."""

    project = models.OneToOneField(
        Project, on_delete=models.CASCADE, primary_key=True, related_name="+", verbose_name=_("project")
    )
    served_at = models.DateTimeField(_("served at"))

    class Meta:
        db_table = "image_import_turns"

    def __str__(self) -> str:
        return f"{self.project_id} {self.served_at:%H:%M:%S}"


class AccountTurn(models.Model):
    """When someone was last served with something that all share (:mod:`imageimport.turns`)."""

    class Kind(models.TextChoices):
        IMPORT = "import", "import"
        SYNC = "sync", "sync"
        WEBHOOK = "webhook", "webhook"

    id = models.BigAutoField(_("id"), primary_key=True)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    #: ``user:<id>`` or ``project:<id>``: no foreign key, since whose it was may be gone before its turn is over.
    account = models.CharField(max_length=64)
    served_at = models.DateTimeField(_("served at"))

    class Meta:
        db_table = "image_import_account_turns"
        constraints = [models.UniqueConstraint(fields=("kind", "account"), name="account_turn_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.account} {self.served_at:%H:%M:%S}"
