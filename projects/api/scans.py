"""What scanners found in images, as the API shows it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from oci.contents.vulnerabilities import SEVERITIES
from projects.models import ImageScan
from projects.scanning.selectors import Summary, summary_of

STATES = [("none", "none"), *((state.value, state.label) for state in ImageScan.State)]


class ScanSummarySerializer(serializers.Serializer[Any]):
    """Counts are those of the last scan that ended well; ``detail`` says why one failed."""

    state = serializers.ChoiceField(choices=STATES)
    scanner = serializers.CharField(allow_blank=True)
    critical = serializers.IntegerField()
    high = serializers.IntegerField()
    medium = serializers.IntegerField()
    low = serializers.IntegerField()
    negligible = serializers.IntegerField()
    unknown = serializers.IntegerField()
    scanned_at = serializers.DateTimeField(allow_null=True)
    detail = serializers.CharField(allow_blank=True)

    def to_representation(self, instance: Summary) -> dict[str, Any]:
        return {
            "state": instance.state,
            "scanner": instance.scanner,
            **{name: instance.counts[name] for name in reversed(SEVERITIES)},
            "scanned_at": self.fields["scanned_at"].to_representation(instance.scanned_at)
            if instance.scanned_at
            else None,
            "detail": instance.detail,
        }


@extend_schema_field(ScanSummarySerializer)
class VulnerabilitiesField(serializers.Field[Any, Any, Any, Any]):
    """What is known of an image's vulnerabilities."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"read_only": True, "source": "*", **kwargs})

    def to_representation(self, value: Any) -> Any:
        return ScanSummarySerializer(summary_of(value)).data


class VulnerabilitySerializer(serializers.Serializer[Any]):
    """One vulnerability of one package; ``fixed_in`` and ``link`` are empty where none is known."""

    id = serializers.CharField()
    package = serializers.CharField(allow_blank=True)
    version = serializers.CharField(allow_blank=True)
    fixed_in = serializers.CharField(allow_blank=True)
    severity = serializers.ChoiceField(choices=SEVERITIES)
    link = serializers.CharField(allow_blank=True)
    platforms = serializers.ListField(child=serializers.CharField())


class ScanFindingsSerializer(ScanSummarySerializer):
    """What a scanner found, the worst first."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    vulnerabilities = VulnerabilitySerializer(many=True)
