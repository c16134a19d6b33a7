"""Webhooks and their deliveries; the secret goes in and never out."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.api.fields import StrictModelSerializer, Text
from imageimport.choices import WebhookEvent
from imageimport.messages import shown
from imageimport.models import Webhook, WebhookDelivery
from imageimport.webhooks.mail import MAX_ADDRESSES
from imageimport.webhooks.payloads import public
from projects.models import LANGUAGES


class WebhookSerializer(StrictModelSerializer):
    """``failures_only``: nothing is sent for batches and scheduled runs in which nothing failed; where
    ``schedule.completed`` is chosen, a schedule's failure is sent once. A change without ``secret`` keeps it.
    ``kind``: ``webhook`` posts to ``url``, ``email`` writes to ``addresses``."""

    secret = Text(max_length=500, write_only=True, required=False, allow_blank=True, trim_whitespace=False)
    url = Text(max_length=1000, required=False, allow_blank=True)
    addresses = serializers.ListField(
        child=Text(max_length=254), required=False, max_length=MAX_ADDRESSES, help_text="of the kind `email`"
    )
    language = serializers.ChoiceField(
        choices=LANGUAGES,
        required=False,
        allow_blank=True,
        help_text="of messages in chats and by email; empty: the project's",
    )
    has_secret = serializers.SerializerMethodField()
    events = serializers.ListField(child=serializers.ChoiceField(choices=WebhookEvent.values), required=False)
    last_state = serializers.CharField(read_only=True, allow_null=True, default=None)

    class Meta:
        model = Webhook
        fields = (
            "id", "kind", "url", "addresses", "format", "language", "secret", "has_secret", "events", "enabled",
            "failures_only", "last_state", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = ("id", "created_at", "updated_at")

    def get_has_secret(self, webhook: Webhook) -> bool:
        return bool(webhook.secret)


class DeliverySerializer(serializers.ModelSerializer[WebhookDelivery]):
    """One event on its way to one webhook. ``next_attempt_at`` is null once it has ended."""

    error = serializers.SerializerMethodField()
    next_attempt_at = serializers.SerializerMethodField()

    class Meta:
        model = WebhookDelivery
        fields: tuple[str, ...] = (
            "id", "event", "state", "attempts", "next_attempt_at", "response_status", "error", "duration_ms",
            "created_at", "delivered_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_error(self, delivery: WebhookDelivery) -> str:
        return shown(delivery.error, delivery.error_parts)

    def get_next_attempt_at(self, delivery: WebhookDelivery) -> str | None:
        pending = delivery.state == WebhookDelivery.State.PENDING
        return serializers.DateTimeField().to_representation(delivery.next_attempt_at) if pending else None


class DeliveryDetailSerializer(DeliverySerializer):
    """With what was sent."""

    payload = serializers.SerializerMethodField()

    class Meta(DeliverySerializer.Meta):
        fields = (*DeliverySerializer.Meta.fields, "payload")
        read_only_fields = fields

    def get_payload(self, delivery: WebhookDelivery) -> dict[str, Any]:
        return public(delivery.payload)
