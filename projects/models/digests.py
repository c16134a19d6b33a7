from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.ids import new_id


class DigestSubscription(models.Model):
    """A member wants a project's weekly digest at the address of their own account: their own choice, no one else sees
    it."""

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", verbose_name=_("user")
    )
    project = models.ForeignKey(
        "projects.Project", on_delete=models.CASCADE, related_name="+", verbose_name=_("project")
    )
    #: When the next one is sent; while one is on its way, until when no other worker sends it.
    due_at = models.DateTimeField(_("next digest"), db_index=True)
    #: Tries of the one that is due.
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("digest subscription")
        verbose_name_plural = _("digest subscriptions")
        constraints = [models.UniqueConstraint(fields=("user", "project"), name="one_digest_each")]

    def __str__(self) -> str:
        return f"{self.user_id} · {self.project_id}"
