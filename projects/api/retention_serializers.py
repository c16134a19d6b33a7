"""Clean-up as the API shows and takes it."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.api.fields import StrictModelSerializer, Text
from projects.models import ProtectedTag, RetentionRule, TrashedTag
from projects.retention import cleanup, rules
from projects.retention.cleanup import Plan
from projects.retention.decision import Verdict

#: No one waits longer, and dates stay dates.
_MAX_DAYS = 36_500


class RetentionRuleSerializer(StrictModelSerializer):
    """One rule. ``repositories``: globs over names inside the project; ``tags``: exact names, globs or ``semver:``
    ranges; both empty: all. ``warnings``: schedules that bring what the
    rule removes; none in lists."""

    repositories = serializers.ListField(child=Text(max_length=255), required=False)
    tags = serializers.ListField(child=Text(max_length=200), required=False)
    keep_newest = serializers.IntegerField(min_value=1, max_value=1_000_000, required=False, allow_null=True)
    keep_pulled_days = serializers.IntegerField(
        min_value=1, max_value=_MAX_DAYS, required=False, allow_null=True
    )
    keep_pushed_days = serializers.IntegerField(
        min_value=1, max_value=_MAX_DAYS, required=False, allow_null=True
    )
    warnings = serializers.SerializerMethodField()

    class Meta:
        model = RetentionRule
        fields = (
            "id", "repositories", "tags", "keep_newest", "keep_pulled_days", "keep_pushed_days", "order", "enabled",
            "warnings", "created_at",
        )  # fmt: skip
        read_only_fields = ("id", "created_at")

    def get_warnings(self, rule: RetentionRule) -> list[str]:
        return [] if isinstance(self.parent, serializers.ListSerializer) else rules.warnings_of(rule)


class ProtectedTagSerializer(StrictModelSerializer):
    """A glob over ``<repository>:<tag>``."""

    pattern = Text(max_length=400)

    class Meta:
        model = ProtectedTag
        fields = ("id", "pattern", "created_at")
        read_only_fields = ("id", "created_at")


class TrashedTagSerializer(StrictModelSerializer):
    """A removed tag. ``removed_by`` is null where a scheduled clean-up removed it."""

    removed_by = serializers.CharField(source="removed_by.username", read_only=True, default=None)

    class Meta:
        model = TrashedTag
        fields = (
            "id", "repository", "tag", "digest", "media_type", "size", "platforms", "source_image", "removed_at",
            "removed_by", "by_rule", "expires_at",
        )  # fmt: skip
        read_only_fields = fields


class VerdictSerializer(serializers.Serializer[Verdict]):
    """One tag, and why it stays or goes."""

    image = serializers.CharField()
    digest = serializers.CharField()
    why = serializers.CharField()


class CleanUpPlanSerializer(serializers.Serializer[Plan]):
    """What stays and what goes."""

    keep = VerdictSerializer(many=True)
    remove = VerdictSerializer(many=True)
    bytes = serializers.IntegerField()
    finished = serializers.BooleanField()

    def to_representation(self, plan: Plan) -> dict[str, Any]:
        """By hand: field by field takes seconds for ten thousand tags."""
        return {
            "keep": [_row(verdict) for verdict in plan.keep],
            "remove": [_row(verdict) for verdict in plan.remove],
            "bytes": plan.bytes,
            "finished": plan.finished,
        }


def _row(verdict: Verdict) -> dict[str, str]:
    return {
        "image": str(verdict.tag),
        "digest": verdict.tag.digest,
        "why": cleanup.sentence(verdict),
    }
