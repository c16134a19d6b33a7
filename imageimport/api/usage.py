"""``/projects/{project_id}/usage``: what the project holds, beside its quotas."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from imageimport import quotas
from projects.api.mixins import ProjectScoped
from projects.retention import usage


class LimitsSerializer(serializers.Serializer[Any]):
    """What the project may hold; null: no limit."""

    images = serializers.IntegerField(allow_null=True)
    bytes = serializers.IntegerField(allow_null=True)
    queued = serializers.IntegerField(allow_null=True)


class GrowthSerializer(serializers.Serializer[Any]):
    """What it held at the end of a day; today: now."""

    day = serializers.DateField()
    bytes = serializers.IntegerField()


class UsageSerializer(serializers.Serializer[Any]):
    """A limit is null where there is none. ``bytes`` counts each tag's size; ``bytes_distinct`` each blob once, and
    ``bytes_shared`` those of them that other projects hold, too. ``never_pulled`` counts tags."""

    images = serializers.IntegerField()
    images_limit = serializers.IntegerField(allow_null=True)
    bytes = serializers.IntegerField()
    bytes_limit = serializers.IntegerField(allow_null=True)
    queued = serializers.IntegerField()
    queued_limit = serializers.IntegerField(allow_null=True)
    limits = LimitsSerializer()
    bytes_distinct = serializers.IntegerField()
    bytes_shared = serializers.IntegerField()
    bytes_trash = serializers.IntegerField()
    never_pulled = serializers.IntegerField()
    growth = GrowthSerializer(many=True)


class UsageViewSet(ProjectScoped, viewsets.GenericViewSet[Any]):
    """Usage and quotas."""

    serializer_class = UsageSerializer

    @extend_schema(tags=["projects"], summary="Get usage and limits", responses=UsageSerializer)
    def retrieve(self, request: Request, **_: Any) -> Response:
        held, stored = quotas.usage(self.project), usage.stored(self.project)
        limits = {what: getattr(held, f"{what}_limit") for what in ("images", "bytes", "queued")}
        found = {
            **asdict(held),
            "limits": limits,
            "bytes_distinct": stored.distinct,
            "bytes_shared": stored.shared,
            "bytes_trash": stored.trash,
            "never_pulled": stored.never_pulled,
            "growth": stored.growth,
        }
        return Response(UsageSerializer(found).data)
