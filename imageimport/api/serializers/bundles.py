"""Bundles, as asked for and as shown."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from accounts.api.fields import Text
from accounts.labels import check_label
from imageimport.bundles import receipts
from imageimport.bundles.selectors import file_name
from imageimport.bundles.services import MAX_IMAGES, MAX_VOLUME, BundleRequest
from imageimport.messages import shown
from imageimport.models import Bundle


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "format": "uuid"},
            {
                "type": "object",
                "required": ["digests"],
                "properties": {"digests": {"type": "array", "items": {"type": "string"}}},
                "additionalProperties": {},
            },
        ]
    }
)
class KnownField(serializers.Field):
    """The id of an earlier bundle of the project, or a receipt."""

    def to_internal_value(self, data: Any) -> receipts.Known:
        if isinstance(data, str):
            return receipts.Known(bundle=serializers.UUIDField().to_internal_value(data))
        try:
            return receipts.read_receipt(data)
        except ValueError as exc:
            raise serializers.ValidationError(str(exc)) from None

    def to_representation(self, value: Any) -> Any:
        return value


class BundleBodySerializer(serializers.Serializer[Any]):
    """``images``: ``name:tag`` of each. ``volume_bytes``: the size of the files; without it there is one."""

    images = serializers.ListField(child=Text(max_length=400), min_length=1, max_length=MAX_IMAGES)
    name = Text(max_length=100, required=False, allow_blank=True, default="", validators=[check_label])
    platforms = serializers.ListField(
        child=Text(max_length=100), required=False, max_length=100, default=list
    )
    include_referrers = serializers.BooleanField(required=False, default=True)
    known = KnownField(required=False, allow_null=True, default=None)
    volume_bytes = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=1, max_value=MAX_VOLUME
    )

    def to_request(self) -> BundleRequest:
        given = dict(self.validated_data)
        return BundleRequest(**given | {"known": given["known"] or receipts.NOTHING})


class VolumeSerializer(serializers.Serializer[Any]):
    """One file of a bundle. ``size``: bytes."""

    number = serializers.IntegerField()
    file_name = serializers.CharField()
    size = serializers.IntegerField()
    url = serializers.URLField()


class BundleImageSerializer(serializers.Serializer[Any]):
    """``size``: of its distinct blobs, bytes, whether or not the other side has some."""

    image = serializers.CharField()
    digest = serializers.CharField()
    size = serializers.IntegerField()
    platforms = serializers.ListField(child=serializers.CharField())


class BundleSerializer(serializers.ModelSerializer[Bundle]):
    """``size``: of all files. ``notes``: what was left out, and why."""

    volumes = serializers.SerializerMethodField()
    images = BundleImageSerializer(many=True, read_only=True)
    notes = serializers.SerializerMethodField()
    created_by = serializers.CharField(
        source="created_by.username", read_only=True, default=None, allow_null=True
    )

    class Meta:
        model = Bundle
        fields = (
            "id", "name", "size", "volumes", "images", "omitted_bytes", "platforms", "include_referrers",
            "volume_bytes", "notes", "created_by", "created_at",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(VolumeSerializer(many=True))
    def get_volumes(self, bundle: Bundle) -> list[dict[str, Any]]:
        return [
            {
                "number": number,
                "file_name": file_name(bundle, number),
                "size": size,
                "url": reverse(
                    "api-bundle-volume-detail",
                    kwargs={"project_id": bundle.project_id, "bundle_id": bundle.pk, "number": number},
                    request=self.context.get("request"),
                ),
            }
            for number, size in enumerate(bundle.volumes, start=1)
        ]

    def get_notes(self, bundle: Bundle) -> list[str]:
        return [shown("", note) for note in bundle.notes]


class ReceiptSerializer(serializers.Serializer[Any]):
    """What a project holds, for the other side of a gap."""

    project = serializers.CharField()
    created_at = serializers.DateTimeField()
    digests = serializers.ListField(child=serializers.CharField())
