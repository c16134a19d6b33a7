from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.ids import new_id
from accounts.labels import check_label


class SavedFilter(models.Model):
    """How a person wants to see one of a project's lists again: their own, no one else sees it."""

    class List(models.TextChoices):
        IMAGES = "images", _("Images")
        IMPORTS = "imports", _("Import history")

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", verbose_name=_("user")
    )
    project = models.ForeignKey(
        "projects.Project", on_delete=models.CASCADE, related_name="+", verbose_name=_("project")
    )
    list = models.CharField(_("list"), max_length=8, choices=List.choices)
    name = models.CharField(_("name"), max_length=60, validators=[check_label])
    #: As it stands in the address, behind the question mark.
    query = models.CharField(_("query"), max_length=1000)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("saved filter")
        verbose_name_plural = _("saved filters")
        ordering = ("name",)
        constraints = [
            models.UniqueConstraint(fields=("user", "project", "list", "name"), name="one_filter_a_name")
        ]

    def __str__(self) -> str:
        return self.name
