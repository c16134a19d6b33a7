"""Roles of groups."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.ids import new_id


class GroupRole(models.Model):
    """What everyone has in a project whom the identity provider counts in a group
    (:class:`accounts.models.UserGroup`)."""

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(
        "projects.Project", on_delete=models.CASCADE, related_name="group_roles", verbose_name=_("project")
    )
    #: As the identity provider writes it, case and all.
    group = models.CharField(_("group"), max_length=255)
    #: Of :class:`projects.models.Role`.
    role = models.CharField(_("role"), max_length=10)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("group")
        verbose_name_plural = _("groups")
        ordering = ("group", "id")
        constraints = [models.UniqueConstraint(fields=("project", "group"), name="one_role_a_group")]

    def __str__(self) -> str:
        return f"{self.group} · {self.role}"

    @property
    def audit_subject(self) -> str:
        return self.group

    @property
    def audit_detail(self) -> dict[str, str]:
        return {"role": self.role}
