"""Manifests, clusters and their images as the API shows and takes them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.api.fields import StrictModelSerializer, Text
from imageimport.batches.parsing import MAX_CHARS
from projects.models import Robot
from workloads.clusters.selectors import STATES
from workloads.models import Cluster


class RewriteBodySerializer(serializers.Serializer[Any]):
    """A manifest. ``pin``: by digest; ``import_missing``: import what is not here, and point it here."""

    text = Text(max_length=MAX_CHARS, trim_whitespace=False)
    pin = serializers.BooleanField(required=False, default=False)
    import_missing = serializers.BooleanField(required=False, default=False)


class RobotNameSerializer(StrictModelSerializer):
    """A robot account that is to be made."""

    class Meta:
        model = Robot
        fields = ("name",)


class FoundSerializer(serializers.Serializer[Any]):
    """One image of the text."""

    image = serializers.CharField()
    target_image = serializers.CharField(help_text="Empty where it is unreadable.")
    digest = serializers.CharField(help_text="Of the image here; empty where it is not.")
    state = serializers.ChoiceField(
        choices=["here", "missing", "unreadable"],
        help_text="`unreadable`: it has a variable in it, is built by its service, or has no tag of its own.",
    )


class SkippedSerializer(serializers.Serializer[Any]):
    """An image that can't be imported, and why."""

    image = serializers.CharField()
    detail = serializers.CharField()


class BegunSerializer(serializers.Serializer[Any]):
    """The batch that was started."""

    batch = serializers.UUIDField(source="batch.pk", allow_null=True, default=None)
    skipped = SkippedSerializer(many=True)


class RewrittenSerializer(BegunSerializer):
    """The text with only image names changed, and its unified diff."""

    text = serializers.CharField()
    diff = serializers.CharField()
    images = FoundSerializer(many=True)


class ClusterSerializer(StrictModelSerializer):
    """A cluster; ``seen_at``: when its inventory last came."""

    class Meta:
        model = Cluster
        fields = ("id", "name", "pods", "seen_at", "created_at")
        read_only_fields = ("id", "pods", "seen_at", "created_at")


class SummarySerializer(serializers.Serializer[Any]):
    """A cluster in numbers: each of `images` is `here`, `missing` or `other_digest`."""

    pods = serializers.IntegerField()
    images = serializers.IntegerField()
    here = serializers.IntegerField()
    missing = serializers.IntegerField()
    other_digest = serializers.IntegerField()
    by_tag_only = serializers.IntegerField(help_text="Images that no manifest pins to a digest.")
    seen_at = serializers.DateTimeField(allow_null=True)


class ClusterDetailSerializer(ClusterSerializer):
    """A cluster with its numbers."""

    summary = SummarySerializer()

    class Meta(ClusterSerializer.Meta):
        fields = (*ClusterSerializer.Meta.fields, "summary")  # type: ignore[assignment]


class RunningSerializer(serializers.Serializer[Any]):
    """One image that a cluster runs."""

    image = serializers.CharField()
    digest = serializers.CharField(help_text="What runs; empty where that is not known.")
    state = serializers.ChoiceField(choices=STATES)
    target_image = serializers.CharField()
    pods = serializers.IntegerField()
    namespaces = serializers.ListField(child=serializers.CharField())
