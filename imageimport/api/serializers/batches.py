"""Batches, as asked for and as shown."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.fields import Text
from accounts.exceptions import filled
from accounts.labels import check_label
from imageimport.api.serializers.tasks import ImportBodySerializer, TaskSerializer
from imageimport.batches.parsing import MAX_CHARS, Entry
from imageimport.batches.selectors import totals_of, totals_of_all
from imageimport.batches.services import MAX_IMAGES
from imageimport.batches.validation import NOTHING
from imageimport.models import ImportBatch
from imageimport.submission.requests import ImportRequest


@extend_schema_field({"oneOf": [{"type": "string"}, {"$ref": "#/components/schemas/ImportBodyRequest"}]})
class EntryField(serializers.Field):
    """Text (what ``image_url`` takes) or an import body; judged together with all others."""

    def run_validation(self, data: Any = None) -> Any:
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class BatchBodySerializer(ImportBodySerializer):
    """What holds for all entries, and the entries."""

    image_url = None  # type: ignore[assignment]
    target_name = None  # type: ignore[assignment]
    target_tag = None  # type: ignore[assignment]
    name = Text(max_length=200, required=False, allow_blank=True, default="", validators=[check_label])
    images = serializers.ListField(child=EntryField(), min_length=1, max_length=MAX_IMAGES)

    def to_common(self) -> ImportRequest:
        """What holds for entries that don't say otherwise."""
        found = {name: value for name, value in self.validated_data.items() if name not in ("name", "images")}
        return ImportRequest(image_url=NOTHING.image_url, **found)

    def to_entries(self) -> tuple[list[ImportRequest], dict[int, list[str]]]:
        """The entries, and what is wrong with the form of some."""
        entries: list[ImportRequest] = []
        bad: dict[int, list[str]] = {}
        for index, item in enumerate(self.validated_data["images"]):
            body = ImportBodySerializer(
                data={"image_url": item} if isinstance(item, str) else item, context=self.context
            )
            if body.is_valid():
                entries.append(body.to_request())
            else:
                entries.append(NOTHING)
                bad[index] = [str(sentence) for found in body.errors.values() for sentence in _flat(found)]
        return entries, bad


class CountsSerializer(serializers.Serializer[Any]):
    requested = serializers.IntegerField()
    pending = serializers.IntegerField()
    running = serializers.IntegerField()
    success = serializers.IntegerField()
    failed = serializers.IntegerField()
    canceled = serializers.IntegerField()


class BatchListSerializer(serializers.ListSerializer[Any]):
    """Several batches, their totals by one query."""

    def to_representation(self, data: Any) -> list[Any]:
        batches = list(data)
        self.context["totals"] = totals_of_all(batches)
        return list(super().to_representation(batches))


class BatchSerializer(serializers.ModelSerializer[ImportBatch]):
    """A batch with its totals. ``eta_seconds`` is null while nothing can be said."""

    total = serializers.IntegerField(read_only=True)
    counts = CountsSerializer(read_only=True)
    progress = serializers.IntegerField(read_only=True)
    bytes_total = serializers.IntegerField(read_only=True)
    bytes_done = serializers.IntegerField(read_only=True)
    eta_seconds = serializers.IntegerField(read_only=True, allow_null=True)
    requested_by = serializers.CharField(
        source="requested_by.username", read_only=True, default=None, allow_null=True
    )

    class Meta:
        model = ImportBatch
        list_serializer_class = BatchListSerializer
        fields: tuple[str, ...] = (
            "id", "name", "total", "counts", "progress", "bytes_total", "bytes_done", "eta_seconds", "requested_by",
            "created_at", "completed_at",
        )  # fmt: skip
        read_only_fields = fields

    def to_representation(self, instance: ImportBatch) -> dict[str, Any]:
        known = self.context.get("totals", {})
        totals = known.get(instance.pk) or totals_of(instance)
        for name in ("total", "counts", "progress", "bytes_total", "bytes_done", "eta_seconds"):
            setattr(instance, name, getattr(totals, name))
        return super().to_representation(instance)


class NewBatchSerializer(BatchSerializer):
    """The answer to a new batch: its imports too."""

    tasks = TaskSerializer(many=True, read_only=True, source="current_tasks")

    class Meta(BatchSerializer.Meta):
        fields = (*BatchSerializer.Meta.fields, "tasks")
        read_only_fields = fields


class BatchResultSerializer(serializers.Serializer[Any]):
    """One import of a batch's result."""

    index = serializers.IntegerField(allow_null=True)
    image_url = serializers.CharField()
    source_image = serializers.CharField()
    target_image = serializers.CharField()
    status = serializers.CharField()
    error_code = serializers.CharField()
    error = serializers.CharField()
    digest = serializers.CharField()
    source_digest = serializers.CharField()
    bytes_total = serializers.IntegerField()
    bytes_reused = serializers.IntegerField()
    attempts = serializers.IntegerField()
    task = serializers.UUIDField()
    created_at = serializers.DateTimeField()
    completed_at = serializers.DateTimeField(allow_null=True)


class ListTextSerializer(serializers.Serializer[Any]):
    """Pasted text: references, pull commands, a compose file, Kubernetes or Helm YAML."""

    text = Text(max_length=MAX_CHARS)


class ListEntrySerializer(serializers.Serializer[Entry]):
    """One image of a list; ``error`` says why it can't be read, ``also`` on which other lines it is."""

    line = serializers.IntegerField()
    text = serializers.CharField()
    reference = serializers.CharField()
    platforms = serializers.ListField(child=serializers.CharField())
    notes = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()
    also = serializers.ListField(child=serializers.IntegerField())

    def get_notes(self, entry: Entry) -> list[str]:
        return [filled(template, params) for template, params in entry.notes]

    def get_error(self, entry: Entry) -> str:
        return filled(*entry.error) if entry.error else ""


class ReadListSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=["lines", "yaml"])
    entries = ListEntrySerializer(many=True)


def _flat(found: Any) -> list[Any]:
    """The sentences of a field's errors, however deep."""
    if isinstance(found, dict):
        return [sentence for each in found.values() for sentence in _flat(each)]
    return list(found) if isinstance(found, list | tuple) else [found]
