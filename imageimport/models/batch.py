from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.ids import new_id
from projects.models import Project


class ImportBatch(models.Model):
    """Several imports asked for at once. Its counts are those of its tasks; a retried task leaves its place
    to the task that retries it (``ImportTask.replaced``)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="import_batches")
    name = models.CharField(_("name"), max_length=200, blank=True, default="")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    completed_at = models.DateTimeField(_("completed"), null=True, blank=True)

    class Meta:
        verbose_name = _("batch")
        verbose_name_plural = _("batches")
        ordering = ("-created_at", "-id")
        indexes = [models.Index(fields=("project", "-created_at", "-id"), name="batch_newest")]

    def __str__(self) -> str:
        return self.name or str(self.id)
