"""Rules for sources; passwords go in and never out."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.fields import Text
from imageimport.messages import shown
from imageimport.models import SourceWay
from imageimport.registries.sources import Mirror, Rule
from oci import limits


class SourceMirrorSerializer(serializers.Serializer[Mirror]):
    """A mirror, asked before the registry; without ``password``, that of its host and ``username`` is kept."""

    url = Text(max_length=1000)
    username = Text(max_length=255, allow_blank=True, default="", trim_whitespace=False)
    password = Text(
        max_length=8192,
        write_only=True,
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        style={"input_type": "password"},
    )


class SourceWaySerializer(serializers.ModelSerializer[SourceWay]):
    """What was seen of one way to one registry; ``speed`` is in bytes a second."""

    error = serializers.SerializerMethodField()

    class Meta:
        model = SourceWay
        fields = ("registry", "via", "speed", "measured_at", "error_code", "error", "failed_at")
        read_only_fields = fields

    def get_error(self, way: SourceWay) -> str:
        return shown(way.error, way.error_parts)


class SourceSerializer(serializers.Serializer[Rule]):
    """One rule. A change without ``proxy_password`` keeps it; a change of the proxy's host clears it."""

    id = serializers.UUIDField(read_only=True)
    position = serializers.IntegerField(min_value=1, max_value=100_000, required=False)
    pattern = Text(max_length=300)
    proxy = Text(max_length=600, allow_blank=True, required=False)
    proxy_password = Text(
        max_length=255,
        write_only=True,
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        style={"input_type": "password"},
    )
    mirrors = SourceMirrorSerializer(many=True, required=False)
    mirrors_only = serializers.BooleanField(required=False)
    private = serializers.BooleanField(required=False)
    insecure = serializers.BooleanField(required=False)
    origin = serializers.ChoiceField(choices=["environment", "portal"], read_only=True)
    ways = serializers.SerializerMethodField()

    def to_representation(self, instance: Rule) -> dict[str, Any]:
        found: dict[str, Any] = super().to_representation(instance)
        return {**found, "pattern": instance.pattern.text}

    @extend_schema_field(SourceWaySerializer(many=True))
    def get_ways(self, rule: Rule) -> Any:
        return SourceWaySerializer(self.context.get("ways", {}).get(rule.id, []), many=True).data


class SourceTestBodySerializer(serializers.Serializer[Any]):
    """An image to ask for."""

    image_url = Text(max_length=limits.REFERENCE_CHARS)


class SourceTriedSerializer(serializers.Serializer[Any]):
    """By which way an image was reached, how fast, and what failed."""

    reached = serializers.BooleanField()
    via = serializers.CharField(allow_blank=True)
    seconds = serializers.FloatField()
    digest = serializers.CharField(allow_blank=True)
    code = serializers.CharField(allow_blank=True)
    detail = serializers.CharField(allow_blank=True)
