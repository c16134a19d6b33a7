"""Rules, what they say of an image, and requests, as asked for and as shown."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.fields import StrictModelSerializer, Text
from accounts.labels import check_label
from imageimport.choices import Action, Verdict
from imageimport.messages import shown
from imageimport.models import ApprovalRequest, PolicyRule
from imageimport.policy import services
from oci import limits
from oci.contents.vulnerabilities import SEVERITIES

_MAX_PATTERNS = services.MAX_PATTERNS


def _patterns() -> serializers.ListField:
    return serializers.ListField(
        child=Text(max_length=services.PATTERN_CHARS), max_length=_MAX_PATTERNS, required=False
    )


class RequiresSerializer(serializers.Serializer[Any]):
    """What has to hold besides; each only where it is required."""

    max_bytes = serializers.IntegerField(min_value=1, max_value=2**62, required=False, allow_null=True)
    min_age_days = serializers.IntegerField(min_value=0, max_value=36_500, required=False, allow_null=True)
    min_seen_days = serializers.IntegerField(min_value=0, max_value=36_500, required=False, allow_null=True)
    signed_by = serializers.ListField(child=serializers.UUIDField(), max_length=100, required=False)
    platforms = serializers.ListField(child=Text(max_length=100), max_length=100, required=False)
    max_severity = serializers.ChoiceField(choices=SEVERITIES[1:], required=False, allow_null=True)

    def to_internal_value(self, data: Any) -> Any:
        """A requirement that is not known is an error: it would never be met."""
        found = super().to_internal_value(data)
        unknown = set(data) - set(self.fields)
        if unknown:
            raise serializers.ValidationError(
                {name: [_("The portal doesn't know this requirement.")] for name in sorted(unknown)}
            )
        return found

    def to_representation(self, instance: Any) -> dict[str, Any]:
        return dict(instance)


class RuleSerializer(StrictModelSerializer):
    """One rule. Without ``position`` a new one comes last."""

    position = serializers.IntegerField(min_value=1, max_value=100_000, required=False)
    name = Text(max_length=100, validators=[check_label])
    sources = _patterns()
    tags = _patterns()
    exclude_tags = _patterns()
    action = serializers.ChoiceField(choices=Action.choices)
    requires = RequiresSerializer(required=False)
    message = Text(max_length=500, required=False, allow_blank=True, validators=[check_label])

    class Meta:
        model = PolicyRule
        fields = (
            "id", "position", "name", "sources", "tags", "exclude_tags", "action", "requires", "message", "enabled",
            "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = ("id", "created_at", "updated_at")


class CheckBodySerializer(serializers.Serializer[Any]):
    """An image to ask the rules about."""

    image_url = Text(max_length=limits.REFERENCE_CHARS)
    platforms = serializers.ListField(child=Text(max_length=100), max_length=100, required=False)


class RuleNameSerializer(serializers.Serializer[Any]):
    """A rule by its name, and whose it is."""

    id = serializers.CharField()
    name = serializers.CharField()
    of = serializers.ChoiceField(choices=["installation", "project"])


class CheckedSerializer(serializers.Serializer[Any]):
    """What the rules say; ``rule`` is null where the project's ``default_action`` decides."""

    action = serializers.ChoiceField(choices=Action.choices)
    rule = RuleNameSerializer(allow_null=True)
    message = serializers.CharField(allow_blank=True)


class DryRunBodySerializer(serializers.Serializer[Any]):
    """How many days back, and a rule that is not saved; ``id`` in it: in place of that rule."""

    days = serializers.IntegerField(min_value=1, max_value=365, default=30)
    rule = serializers.DictField(required=False)


class ExampleSerializer(CheckedSerializer):
    task = serializers.CharField()
    source_image = serializers.CharField()
    target_image = serializers.CharField()


class DryRunSerializer(serializers.Serializer[Any]):
    """What the rules would have decided about the last days' imports; examples of those that would not be allowed.

    ``unknown``: a rule requires what is not known of them here, such as an age or a scan. ``truncated``: only the
    newest were looked at.
    """

    imports = serializers.IntegerField()
    allow = serializers.IntegerField()
    approve = serializers.IntegerField()
    refuse = serializers.IntegerField()
    unknown = serializers.IntegerField()
    truncated = serializers.BooleanField()
    examples = ExampleSerializer(many=True)


class RejectBodySerializer(serializers.Serializer[Any]):
    """Why the request is rejected; the requester sees it."""

    reason = Text(max_length=500, validators=[check_label])


class ApproveBodySerializer(serializers.Serializer[Any]):
    """``digest``: what you were shown; refused where it is not what would be approved. Empty: what it shows."""

    digest = Text(max_length=160, required=False, allow_blank=True, default="")


class RequestSerializer(serializers.ModelSerializer[ApprovalRequest]):
    """Why an import waits for approval, what was seen of it, and what was decided."""

    rule = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()
    decided_by = serializers.SerializerMethodField()
    verdict = serializers.ChoiceField(choices=Verdict.choices, allow_blank=True, read_only=True)

    class Meta:
        model = ApprovalRequest
        fields = (
            "rule", "message", "created_at", "expires_at", "platforms", "referrers", "error", "verdict", "digest",
            "reason", "decided_by", "decided_at",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(RuleNameSerializer(allow_null=True))
    def get_rule(self, request: ApprovalRequest) -> Any:
        return request.rule or None

    def get_error(self, request: ApprovalRequest) -> str:
        return shown(request.error, request.error_parts)

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_decided_by(self, request: ApprovalRequest) -> str | None:
        return request.decided_by.get_username() if request.decided_by else None
