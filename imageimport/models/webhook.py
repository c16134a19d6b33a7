from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.ids import new_id
from accounts.models import Created
from accounts.sealed import SealedTextField
from projects.models import Project


class Webhook(Created):
    """Where a project's events are POSTed, signed with its secret."""

    class Format(models.TextChoices):
        """What is sent: the event itself, or a message as a chat service takes it."""

        JSON = "json", "JSON"
        SLACK = "slack", "Slack"
        TEAMS = "teams", "Microsoft Teams"
        DINGTALK = "dingtalk", _("DingTalk")
        FEISHU = "feishu", _("Feishu")
        WECOM = "wecom", _("WeCom")

    class Kind(models.TextChoices):
        """How it tells: by POST to ``url``, or by mail to ``addresses``."""

        WEBHOOK = "webhook", _("Webhook")
        EMAIL = "email", _("Email")

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="webhooks", verbose_name=_("project")
    )
    kind = models.CharField(
        _("kind"), max_length=8, choices=Kind.choices, default=Kind.WEBHOOK, db_default=Kind.WEBHOOK
    )
    #: Empty where it tells by mail; then ``addresses`` are not.
    url = models.CharField(_("URL"), max_length=1000, blank=True)
    addresses = models.JSONField(_("email addresses"), default=list, blank=True, db_default=[])
    secret = SealedTextField(_("secret"))
    #: Of :class:`imageimport.choices.WebhookEvent`.
    events = models.JSONField(_("events"), default=list)
    format = models.CharField(
        _("format"), max_length=8, choices=Format.choices, default=Format.JSON, db_default=Format.JSON
    )
    #: Of the messages; empty: the project's.
    language = models.CharField(_("language"), max_length=10, blank=True, default="", db_default="")
    enabled = models.BooleanField(_("enabled"), default=True)
    #: Batches and scheduled runs in which nothing failed are not told.
    failures_only = models.BooleanField(_("failures only"), default=False)
    #: Tries in a row that failed, of whatever delivery; while it waits, all its deliveries do.
    failures = models.PositiveIntegerField(_("failures"), default=0, db_default=0)
    resume_at = models.DateTimeField(_("resume at"), null=True, blank=True)
    #: When its next weekly digest is due; None: it wants none.
    digest_at = models.DateTimeField(_("next digest"), null=True, blank=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        ordering = ("created_at", "id")

    def __str__(self) -> str:
        """Without the query, which may hold a receiver's token."""
        if self.kind == self.Kind.EMAIL:
            return ", ".join(self.addresses)
        return self.url.partition("?")[0]

    @property
    def message_language(self) -> str:
        """What its messages are written in: its own language, else its project's."""
        return self.language or self.project.language

    @property
    def audit_subject(self) -> str:
        """Without what lets one post into a chat, which is the path of the address that its service gives out: more
        people read the audit log, and for longer.
        """
        if self.format == self.Format.JSON or not self.url:
            return str(self)
        scheme, _sign, rest = self.url.partition("://")
        return f"{scheme}://{rest.partition('/')[0].partition('?')[0]}/…"

    @property
    def audit_detail(self) -> dict[str, str]:
        return {}


class WebhookDelivery(models.Model):
    """One event on its way to one webhook; the row is the outbox, written with the event's own change."""

    class State(models.TextChoices):
        PENDING = "pending", _("Pending")
        DELIVERED = "delivered", _("Delivered")
        FAILED = "failed", _("Failed")

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    webhook = models.ForeignKey(
        Webhook, on_delete=models.CASCADE, related_name="deliveries", verbose_name=_("webhook")
    )
    event = models.CharField(_("event"), max_length=40)
    payload = models.JSONField(_("payload"), default=dict)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt at"), default=timezone.now)
    response_status = models.PositiveIntegerField(_("response status"), null=True, blank=True)
    error = models.TextField(_("error"), blank=True, default="")
    error_parts = models.JSONField(_("error parts"), default=dict, blank=True)
    duration_ms = models.PositiveIntegerField(_("duration ms"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    delivered_at = models.DateTimeField(_("delivered at"), null=True, blank=True)

    class Meta:
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
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
