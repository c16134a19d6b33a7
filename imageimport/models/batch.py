from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.ids import new_id
from accounts.models import Requested
from projects.models import Project


class ImportBatch(Requested):
    """Several imports asked for at once. Its counts are those of its tasks; a retried task leaves its place
    to the task that retries it (``ImportTask.replaced``)."""

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="import_batches", verbose_name=_("project")
    )
    name = models.CharField(_("name"), max_length=200, blank=True, default="")
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    completed_at = models.DateTimeField(_("completed"), null=True, blank=True)

    class Meta:
        verbose_name = _("batch")
        verbose_name_plural = _("batches")
        ordering = ("-created_at", "-id")
        indexes = [models.Index(fields=("project", "-created_at", "-id"), name="batch_newest")]

    def __str__(self) -> str:
        return self.name or str(self.id)

    @property
    def audit_subject(self) -> str:
        return str(self)

    @property
    def audit_detail(self) -> dict[str, str]:
        return {"batch": str(self.pk)}
