"""Import tasks, as asked for and as shown."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.fields import Text
from imageimport.api.serializers.policy import RequestSerializer
from imageimport.choices import TRANSPORT_CHOICES, Stage, Status
from imageimport.models import Credential, ImportAttempt, ImportLayer, ImportTask
from imageimport.selectors import render_error, render_message
from imageimport.submission.requests import ImportRequest
from oci import limits
from projects.api.signatures import SignatureField


class ImportBodySerializer(serializers.Serializer[ImportRequest]):
    """An import as a client asks for it; only ``image_url`` is required."""

    image_url = Text(max_length=limits.REFERENCE_CHARS)
    target_name = Text(max_length=255, required=False, allow_blank=True, default="")
    target_tag = Text(max_length=128, required=False, allow_blank=True, default="")
    username = Text(
        max_length=255, required=False, allow_blank=True, default="", write_only=True, trim_whitespace=False
    )
    password = Text(
        max_length=8192,
        required=False,
        allow_blank=True,
        default="",
        write_only=True,
        trim_whitespace=False,
        style={"input_type": "password"},
    )
    credential = serializers.UUIDField(required=False, allow_null=True, default=None)
    platforms = serializers.ListField(
        child=Text(max_length=100),
        required=False,
        max_length=100,
        help_text="Without it the project's default platforms; an empty list takes all.",
    )
    overwrite = serializers.BooleanField(required=False, default=True)
    include_referrers = serializers.BooleanField(required=False, default=True)
    transport = serializers.ChoiceField(
        choices=TRANSPORT_CHOICES,
        required=False,
        allow_blank=True,
        default="",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """``credential`` becomes the project's own row; another project's is as unknown as one that never was."""
        wanted = attrs.pop("credential", None)
        found = None
        if wanted is not None:
            found = Credential.objects.filter(project=self.context["project"], pk=wanted).first()
            if found is None:
                message = serializers.PrimaryKeyRelatedField.default_error_messages["does_not_exist"]
                raise serializers.ValidationError({"credential": [message.format(pk_value=wanted)]})
        attrs["credential"] = found
        return attrs

    def to_request(self) -> ImportRequest:
        """The validated body for the services."""
        return ImportRequest(**self.validated_data)


class RetryBodySerializer(serializers.Serializer[Any]):
    """A retry may bring new one-time credentials where the old ones were erased."""

    username = Text(max_length=255, required=False, allow_blank=True, default="", write_only=True)
    password = Text(
        max_length=8192, required=False, allow_blank=True, default="", write_only=True, trim_whitespace=False
    )


class LayerSerializer(serializers.ModelSerializer[ImportLayer]):
    class Meta:
        model = ImportLayer
        fields = ("digest", "platform", "size", "bytes_done", "state")
        read_only_fields = fields


class AttemptSerializer(serializers.ModelSerializer[ImportAttempt]):
    error = serializers.SerializerMethodField()

    class Meta:
        model = ImportAttempt
        fields = ("attempt", "started_at", "ended_at", "outcome", "error_code", "error")
        read_only_fields = fields

    def get_error(self, attempt: ImportAttempt) -> str:
        return render_error(attempt)


class TaskSerializer(serializers.ModelSerializer[ImportTask]):
    """A row of the list. ``message`` and ``error`` follow Accept-Language."""

    status = serializers.ChoiceField(choices=Status.choices, read_only=True)
    stage = serializers.ChoiceField(choices=Stage.choices, allow_blank=True, read_only=True)
    progress = serializers.IntegerField(source="percent", read_only=True)
    message = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()
    has_credentials = serializers.BooleanField(read_only=True)
    signature = SignatureField()
    requested_by = serializers.SerializerMethodField()
    project = serializers.UUIDField(source="project_id", read_only=True)
    retry_of = serializers.UUIDField(source="retry_of_id", read_only=True, allow_null=True)
    batch = serializers.UUIDField(source="batch_id", read_only=True, allow_null=True)
    schedule = serializers.UUIDField(source="schedule_id", read_only=True, allow_null=True)

    class Meta:
        model = ImportTask
        fields: tuple[str, ...] = (
            "id",
            "project",
            "image_url",
            "source_image",
            "target_name",
            "target_tag",
            "target_image",
            "status",
            "stage",
            "progress",
            "message",
            "error",
            "error_code",
            "transport",
            "via",
            "platforms",
            "digest",
            "source_digest",
            "signature",
            "bytes_total",
            "bytes_done",
            "bytes_reused",
            "rate",
            "eta_seconds",
            "attempts",
            "not_before",
            "has_credentials",
            "requested_by",
            "retry_of",
            "batch",
            "schedule",
            "created_at",
            "started_at",
            "updated_at",
            "completed_at",
        )
        read_only_fields = fields

    def get_message(self, task: ImportTask) -> str:
        return render_message(task)

    def get_error(self, task: ImportTask) -> str:
        return render_error(task)

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_requested_by(self, task: ImportTask) -> str | None:
        return task.requester or None


class TaskDetailSerializer(TaskSerializer):
    """One import with its layers and its attempts; ``request`` is null where no one had to approve it."""

    request = serializers.SerializerMethodField()
    layers = LayerSerializer(many=True, read_only=True)
    history = AttemptSerializer(many=True, read_only=True)

    class Meta(TaskSerializer.Meta):
        fields = (*TaskSerializer.Meta.fields, "request", "layers", "history")
        read_only_fields = fields

    @extend_schema_field(RequestSerializer(allow_null=True))
    def get_request(self, task: ImportTask) -> Any:
        found = getattr(task, "approval", None)
        return RequestSerializer(found).data if found is not None else None
