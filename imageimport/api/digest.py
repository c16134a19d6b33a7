"""``/projects/{project_id}/digest``: whether the caller gets the project's weekly digest by mail."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.schema import refused
from imageimport.webhooks import subscriptions
from projects.api.mixins import ProjectScoped
from projects.models import DigestSubscription, Role


class DigestSerializer(serializers.Serializer[Any]):
    """The caller's own. ``email``: the address of their account; ``next_at`` is null where they get none."""

    subscribed = serializers.BooleanField()
    email = serializers.CharField(allow_blank=True)
    next_at = serializers.DateTimeField(allow_null=True)


@extend_schema(tags=["projects"])
class DigestViewSet(ProjectScoped, viewsets.GenericViewSet[Any]):
    """The weekly digest by email; each member subscribes for themselves."""

    serializer_class = DigestSerializer
    role_to_write: ClassVar = Role.VIEWER

    @extend_schema(summary="Show whether you get the weekly digest", responses=DigestSerializer)
    def retrieve(self, request: Request, **_: Any) -> Response:
        return self._shown(subscriptions.subscription_of(project=self.project, user=self.user))

    @extend_schema(
        summary="Subscribe to the weekly digest, sent to your account's address",
        request=None,
        responses={
            200: DigestSerializer,
            409: refused(
                "`mail_disabled`: this portal sends no mail; `no_email`: your account has no address."
            ),
        },
    )
    def create(self, request: Request, **_: Any) -> Response:
        return self._shown(subscriptions.subscribe(project=self.project, user=self.user))

    @extend_schema(summary="Unsubscribe from the weekly digest", responses={204: None})
    def destroy(self, request: Request, **_: Any) -> Response:
        subscriptions.unsubscribe(project=self.project, user=self.user)
        return Response(status=204)

    def _shown(self, row: DigestSubscription | None) -> Response:
        found = {
            "subscribed": row is not None,
            "email": self.user.email,
            "next_at": row.due_at if row else None,
        }
        return Response(DigestSerializer(found).data)
