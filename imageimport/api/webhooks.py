"""``/projects/{project_id}/webhooks``: where events are POSTed, and what became of each."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import OuterRef, QuerySet, Subquery
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from accounts.api.schema import refused
from imageimport.api.serializers.webhooks import (
    DeliveryDetailSerializer,
    DeliverySerializer,
    WebhookSerializer,
)
from imageimport.models import Webhook, WebhookDelivery
from imageimport.webhooks import services as webhooks
from projects.api.mixins import ProjectScoped
from projects.models import Role

_TOO_MANY: Final = refused(
    "`throttled`: you asked for 30 deliveries, tests included, in five minutes; see Retry-After."
)


@extend_schema(tags=["webhooks"])
@extend_schema_view(
    list=extend_schema(summary="List webhooks, without their secrets"),
    retrieve=extend_schema(summary="Get a webhook, without its secret"),
)
class WebhookViewSet(
    ProjectScoped, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Webhook]
):
    """POSTed as JSON with `X-Portal-Event`, `X-Portal-Delivery` and, where there is a secret,
    `X-Portal-Signature-256: sha256=<hex HMAC-SHA256 of the raw body>`."""

    queryset = Webhook.objects.none()
    serializer_class = WebhookSerializer
    lookup_url_kwarg = "webhook_id"
    lookup_value_converter = "uuid"
    role_to_read = Role.MAINTAINER

    def get_queryset(self) -> QuerySet[Webhook]:
        if self.is_schema:
            return Webhook.objects.none()
        latest = WebhookDelivery.objects.filter(webhook=OuterRef("pk")).order_by("-created_at", "-id")
        found = Webhook.objects.filter(project=self.project).select_related("project")
        return found.annotate(last_state=Subquery(latest.values("state")[:1]))

    @extend_schema(
        summary="Add a webhook",
        responses={201: WebhookSerializer, 409: refused("`too_many_webhooks`: a project has 20 at most.")},
    )
    def create(self, request: Request, **_: Any) -> Response:
        form = self.get_serializer(data=request.data)
        form.is_valid(raise_exception=True)
        made = webhooks.create(
            project=self.project, user=self.user, wanted=webhooks.NewWebhook(**form.validated_data)
        )
        return Response(self.get_serializer(made).data, status=201)

    @extend_schema(summary="Change a webhook")
    def partial_update(self, request: Request, **_: Any) -> Response:
        hook = self.get_object()
        form = self.get_serializer(hook, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        webhooks.update(webhook=hook, changes=form.validated_data)
        return Response(self.get_serializer(hook).data)

    @extend_schema(
        summary="Send a test message",
        request=None,
        responses={202: DeliveryDetailSerializer, 429: _TOO_MANY},
    )
    @action(detail=True, methods=["post"])
    def test(self, request: Request, **_: Any) -> Response:
        made = webhooks.send_test(webhook=self.get_object(), user=self.user)
        return Response(DeliveryDetailSerializer(made).data, status=202)

    @extend_schema(summary="Delete a webhook and its log", responses={204: None})
    def destroy(self, request: Request, **_: Any) -> Response:
        webhooks.delete(webhook=self.get_object())
        return Response(status=204)


@extend_schema(tags=["webhooks"])
@extend_schema_view(
    list=extend_schema(summary="List deliveries, newest first"),
    retrieve=extend_schema(summary="Get a delivery, with what is sent", responses=DeliveryDetailSerializer),
)
class DeliveryViewSet(
    ProjectScoped, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[WebhookDelivery]
):
    """The log of one webhook."""

    queryset = WebhookDelivery.objects.none()
    lookup_url_kwarg = "delivery_id"
    lookup_value_converter = "uuid"
    role_to_read = Role.MAINTAINER

    def get_queryset(self) -> QuerySet[WebhookDelivery]:
        if self.is_schema:
            return WebhookDelivery.objects.none()
        webhook = get_object_or_404(Webhook, project=self.project, pk=self.kwargs["webhook_id"])
        return WebhookDelivery.objects.filter(webhook=webhook).select_related("webhook__project")

    def get_serializer_class(self) -> type[BaseSerializer[WebhookDelivery]]:
        return DeliverySerializer if self.action == "list" else DeliveryDetailSerializer

    @extend_schema(
        summary="Send a delivery again",
        request=None,
        responses={202: DeliveryDetailSerializer, 429: _TOO_MANY},
    )
    @action(detail=True, methods=["post"])
    def redeliver(self, request: Request, **_: Any) -> Response:
        again = webhooks.redeliver(delivery=self.get_object(), user=self.user)
        return Response(DeliveryDetailSerializer(again).data, status=202)
