"""Schedules and their runs."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from rest_framework import serializers

from accounts.api.fields import StrictModelSerializer, Text
from imageimport.messages import shown
from imageimport.models import Credential, Schedule, ScheduleRun, TagDigest
from imageimport.models.schedule import MAX_DAYS, MAX_NEWEST
from imageimport.schedules import fights
from imageimport.schedules.services import MAX_RULES


class ProjectCredentialField(serializers.PrimaryKeyRelatedField):
    """A saved credential of the project; another project's is as unknown as one that never was."""

    def get_queryset(self) -> QuerySet[Credential]:
        project = self.context.get("project")
        return Credential.objects.filter(project=project) if project else Credential.objects.none()


class ResultSerializer(serializers.Serializer[Any]):
    """Counts of the last run that has ended."""

    checked = serializers.IntegerField()
    imported = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    failed = serializers.IntegerField()


class ScheduleSerializer(StrictModelSerializer):
    """``tags``: exact names, globs (``1.2*``), ``semver:>=1.2 <2``; empty: the tag of ``image_url``.
    ``newest``: of the tags that match patterns, only this many, highest versions first; ``min_age_days``: images that
    were created more recently wait. ``gone``: tags here that are gone at the source; ``newer``: a newer version there
    that the rules don't follow. ``warnings``: clean-up rules that may remove what it imports; none in lists."""

    tags = serializers.ListField(child=Text(max_length=200), required=False, max_length=MAX_RULES)
    exclude_tags = serializers.ListField(child=Text(max_length=200), required=False, max_length=MAX_RULES)
    platforms = serializers.ListField(child=Text(max_length=100), required=False, max_length=100)
    newest = serializers.IntegerField(min_value=1, max_value=MAX_NEWEST, required=False, allow_null=True)
    min_age_days = serializers.IntegerField(min_value=1, max_value=MAX_DAYS, required=False, allow_null=True)
    credential = ProjectCredentialField(queryset=Credential.objects.none(), required=False, allow_null=True)
    last_result = ResultSerializer(read_only=True, allow_null=True)
    gone = serializers.ListField(child=serializers.CharField(), read_only=True)
    warnings = serializers.SerializerMethodField()

    class Meta:
        model = Schedule
        fields = (
            "id", "image_url", "tags", "exclude_tags", "newest", "min_age_days", "target_name", "platforms",
            "credential", "cron", "timezone", "enabled", "next_run_at", "last_run_at", "last_result", "gone", "newer",
            "warnings",
        )  # fmt: skip
        read_only_fields = ("id", "next_run_at", "last_run_at", "newer")

    def get_warnings(self, schedule: Schedule) -> list[str]:
        return [] if isinstance(self.parent, serializers.ListSerializer) else fights.of_schedule(schedule)


class RunItemSerializer(serializers.Serializer[Any]):
    """One tag that changed or failed. ``was``: what the target named before. ``cleaned``: clean-up took it, and it has
    not moved at the source since. ``waiting``: its image is too young ``until`` then."""

    tag = serializers.CharField()
    digest = serializers.CharField(allow_blank=True, default="")
    was = serializers.CharField(allow_null=True, default=None)
    result = serializers.ChoiceField(choices=["new", "moved", "busy", "failed", "cleaned", "waiting"])
    until = serializers.DateTimeField(allow_null=True, default=None)
    task = serializers.UUIDField(allow_null=True, default=None)
    error_code = serializers.CharField(source="code", allow_blank=True, default="")
    error = serializers.SerializerMethodField()

    def get_error(self, item: dict[str, Any]) -> str:
        return shown("", item.get("error"))


class RunSerializer(serializers.ModelSerializer[ScheduleRun]):
    """One run. ``checked_at``: when the tags were compared; its imports may go on after that."""

    schedule = serializers.UUIDField(source="schedule_id", read_only=True)
    requested_by = serializers.CharField(
        source="requested_by.username", read_only=True, default=None, allow_null=True
    )
    items = RunItemSerializer(many=True, read_only=True)
    error = serializers.SerializerMethodField()
    summary = serializers.SerializerMethodField()

    class Meta:
        model = ScheduleRun
        fields = (
            "id", "schedule", "requested_by", "started_at", "checked_at", "ended_at", "checked", "new", "moved",
            "unchanged", "failed", "pulls", "items", "error_code", "error", "summary",
        )  # fmt: skip
        read_only_fields = fields

    def get_error(self, run: ScheduleRun) -> str:
        return shown(run.error, run.error_parts)

    def get_summary(self, run: ScheduleRun) -> str:
        sentence = _(
            "%(checked)d checked, %(new)d new, %(moved)d updated, %(unchanged)d unchanged; %(pulls)d pulls used"
        )
        return sentence % {
            name: getattr(run, name) for name in ("checked", "new", "moved", "unchanged", "pulls")
        }


class TagDigestSerializer(serializers.ModelSerializer[TagDigest]):
    """What the tag named from ``at`` on."""

    task = serializers.UUIDField(read_only=True, allow_null=True)

    class Meta:
        model = TagDigest
        fields = ("id", "digest", "source_image", "source_digest", "task", "at")
        read_only_fields = fields


class RestoreBodySerializer(serializers.Serializer[Any]):
    digest = Text(max_length=160)
