from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.ids import new_id
from accounts.sealed import SealedTextField
from projects.models import Project


class Webhook(models.Model):
    """Where a project's events are POSTed, signed with its secret."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="webhooks")
    url = models.CharField(_("URL"), max_length=1000)
    secret = SealedTextField()
    #: Of :class:`imageimport.choices.WebhookEvent`.
    events = models.JSONField(_("events"), default=list)
    enabled = models.BooleanField(_("enabled"), default=True)
    #: Batches and scheduled runs in which nothing failed are not told.
    failures_only = models.BooleanField(_("failures only"), default=False)
    #: Tries in a row that failed, of whatever delivery; while it waits, all its deliveries do.
    failures = models.PositiveIntegerField(default=0, db_default=0)
    resume_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("created_at", "id")

    def __str__(self) -> str:
        """Without the query, which may hold a receiver's token."""
        return self.url.partition("?")[0]


class WebhookDelivery(models.Model):
    """One event on its way to one webhook; the row is the outbox, written with the event's own change."""

    class State(models.TextChoices):
        PENDING = "pending", _("Pending")
        DELIVERED = "delivered", _("Delivered")
        FAILED = "failed", _("Failed")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    event = models.CharField(max_length=40)
    payload = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    response_status = models.PositiveIntegerField(null=True, blank=True)
    error = models.TextField(blank=True, default="")
    error_parts = models.JSONField(default=dict, blank=True)
    duration_ms = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [
            models.Index(
                fields=("next_attempt_at",), condition=models.Q(state="pending"), name="delivery_due"
            ),
            models.Index(
                fields=("webhook", "next_attempt_at"),
                condition=models.Q(state="pending"),
                name="delivery_due_webhook",
            ),
            models.Index(fields=("webhook", "-created_at", "-id"), name="delivery_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.id}"
