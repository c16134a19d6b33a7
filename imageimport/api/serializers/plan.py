"""What an import would do."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from imageimport.submission.planning import Planned


class PlannedPlatformSerializer(serializers.Serializer[Any]):
    platform = serializers.CharField()
    digest = serializers.CharField()
    size = serializers.IntegerField()


class RateLimitSerializer(serializers.Serializer[Any]):
    limit = serializers.IntegerField(allow_null=True)
    remaining = serializers.IntegerField(allow_null=True)
    window_seconds = serializers.IntegerField(source="window", allow_null=True)


class PlanSerializer(serializers.Serializer[Planned]):
    """``bytes_present`` need not be read from the source, by the caller's own rights."""

    source_image = serializers.CharField()
    source_digest = serializers.CharField()
    media_type = serializers.CharField()
    target_image = serializers.CharField()
    target_digest = serializers.CharField(allow_null=True)
    platforms = PlannedPlatformSerializer(many=True)
    bytes_total = serializers.IntegerField()
    bytes_present = serializers.IntegerField()
    bytes_to_transfer = serializers.IntegerField()
    referrers = serializers.IntegerField()
    rate_limit = RateLimitSerializer(allow_null=True)
    warnings = serializers.ListField(child=serializers.CharField())
