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
    """``bytes_present`` need not be read from the source, by the caller's own rights. ``source_platforms`` are those
    that one can choose from, also where ``platforms`` were chosen."""

    source_image = serializers.CharField()
    source_digest = serializers.CharField(source="plan.source_digest")
    media_type = serializers.CharField(source="plan.media_type")
    target_image = serializers.CharField()
    target_digest = serializers.CharField(source="plan.target_digest", allow_null=True)
    platforms = PlannedPlatformSerializer(source="plan.platforms", many=True)
    source_platforms = serializers.ListField(source="plan.source_platforms", child=serializers.CharField())
    bytes_total = serializers.IntegerField(source="plan.bytes_total")
    bytes_present = serializers.IntegerField(source="plan.bytes_present")
    bytes_to_transfer = serializers.IntegerField(source="plan.bytes_to_transfer")
    referrers = serializers.IntegerField(source="plan.referrers")
    rate_limit = RateLimitSerializer(source="plan.rate_limit", allow_null=True)
    warnings = serializers.ListField(child=serializers.CharField())
