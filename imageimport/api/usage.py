"""``/projects/{project_id}/usage``: what the project holds, beside its quotas."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from imageimport import quotas
from projects.api.mixins import ProjectScoped


class UsageSerializer(serializers.Serializer[quotas.Usage]):
    """A limit is null where there is none."""

    images = serializers.IntegerField()
    images_limit = serializers.IntegerField(allow_null=True)
    bytes = serializers.IntegerField()
    bytes_limit = serializers.IntegerField(allow_null=True)
    queued = serializers.IntegerField()
    queued_limit = serializers.IntegerField(allow_null=True)


class UsageViewSet(ProjectScoped, viewsets.GenericViewSet[Any]):
    """Usage and quotas."""

    serializer_class = UsageSerializer

    @extend_schema(
        tags=["projects"], summary="What the project holds and may hold", responses=UsageSerializer
    )
    def retrieve(self, request: Request, **_: Any) -> Response:
        return Response(UsageSerializer(quotas.usage(self.project)).data)
