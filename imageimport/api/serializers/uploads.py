"""Imports of uploaded files, as asked for and as planned."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from accounts.api.fields import Text
from imageimport.batches.from_bundle import FilePlan
from imageimport.batches.services import MAX_IMAGES
from imageimport.bundles.contents import HERE, NEW, OTHER, Planned
from oci import limits
from oci.reference.parser import valid_repository


class BundlePlanBodySerializer(serializers.Serializer[Any]):
    """All volumes of one bundle, or one other archive. ``target_prefix`` is joined to the names by a slash."""

    uploads = serializers.ListField(
        child=serializers.UUIDField(), min_length=1, max_length=limits.ARCHIVE_VOLUMES
    )
    target_prefix = Text(max_length=limits.REPOSITORY_CHARS, required=False, allow_blank=True, default="")

    def validate_target_prefix(self, value: str) -> str:
        plain = value.strip().strip("/")
        if plain and not valid_repository(plain):
            raise serializers.ValidationError(
                _(
                    "Use lowercase letters and digits, joined by single dots, underscores or hyphens. Separate the "
                    "parts of the name with slashes."
                )
            )
        return plain


class BundleImportBodySerializer(BundlePlanBodySerializer):
    """What of them is wanted: ``images`` as ``name:tag``, all where it is absent."""

    images = serializers.ListField(
        child=Text(max_length=limits.REFERENCE_CHARS),
        required=False,
        allow_null=True,
        default=None,
        min_length=1,
        max_length=MAX_IMAGES,
    )
    overwrite = serializers.BooleanField(required=False, default=True)


class PlannedImageSerializer(serializers.Serializer[Planned]):
    """One image of a file. ``state``: the target tag is ``new``, has it (``here``) or names an ``other`` image."""

    image = serializers.CharField(source="content.image")
    digest = serializers.CharField(source="content.digest")
    media_type = serializers.CharField(source="content.media_type")
    platforms = serializers.ListField(child=serializers.CharField(), source="content.platforms")
    size = serializers.IntegerField(source="content.size")
    bytes_present = serializers.IntegerField()
    target_name = serializers.CharField()
    target_tag = serializers.CharField()
    state = serializers.ChoiceField(choices=[NEW, HERE, OTHER])
    missing = serializers.ListField(child=serializers.CharField())


class FilePlanSerializer(serializers.Serializer[FilePlan]):
    """What is in uploaded files; ``missing``: digests that neither they nor the project have."""

    name = serializers.CharField()
    images = PlannedImageSerializer(many=True)
    missing = serializers.ListField(child=serializers.CharField())
