"""Projects, members, images and robots as the API shows and takes them."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from rest_framework import serializers

from accounts.api.fields import StrictModelSerializer, Text
from accounts.sign_in.tokens import MAX_DAYS
from oci.contents.vulnerabilities import SEVERITIES
from projects.api.scans import VulnerabilitiesField
from projects.api.signatures import SignatureField
from projects.bandwidth import MAX_BANDWIDTH, MIN_BANDWIDTH
from projects.commands import pull_command
from projects.models import Image, Membership, Project, Robot, Role


class ProjectSerializer(StrictModelSerializer):
    """A project with the caller's own role; null: everyone who signs in reads it."""

    role = serializers.ChoiceField(choices=Role.choices, read_only=True, allow_null=True)
    image_count = serializers.IntegerField(read_only=True)
    bandwidth = serializers.IntegerField(
        min_value=MIN_BANDWIDTH, max_value=MAX_BANDWIDTH, required=False, allow_null=True
    )

    trash_days = serializers.IntegerField(min_value=0, max_value=3650, required=False)
    platforms = serializers.ListField(child=Text(max_length=100), required=False, max_length=100)

    class Meta:
        model = Project
        fields = (
            "id", "name", "description", "visibility", "language", "bandwidth", "window", "naming", "platforms",
            "retention_cron", "trash_days", "default_action", "requests_from", "request_days", "four_eyes",
            "first_pull", "first_pull_fresh_seconds", "role", "image_count", "created_at",
        )  # fmt: skip
        read_only_fields = ("id", "created_at")

    def validate_name(self, name: str) -> str:
        if self.instance is not None and name != self.instance.name:
            raise serializers.ValidationError(
                _("A project's name is part of the address of its images and can't be changed.")
            )
        return name


class MemberSerializer(StrictModelSerializer):
    """A member. The user is named when they are added, and stays the same."""

    username = Text(source="user.username", max_length=150)

    class Meta:
        model = Membership
        fields = ("id", "username", "role", "created_at")
        read_only_fields = ("id", "created_at")

    def validate_username(self, username: str) -> str:
        if self.instance is not None:
            if username != self.instance.user.get_username():
                raise serializers.ValidationError(_("A membership can't be transferred to another user."))
            return username
        if not User.objects.filter(username=username, is_active=True).exists():
            raise serializers.ValidationError(_("User not found. Check the username."))
        return username


class ChildSerializer(serializers.Serializer[Any]):
    """One platform of an index."""

    platform = serializers.CharField()
    digest = serializers.CharField()
    size = serializers.IntegerField()


class ImageSerializer(StrictModelSerializer):
    """One tag."""

    platforms = serializers.ListField(child=serializers.CharField(), read_only=True)
    pull_command = serializers.SerializerMethodField()
    signature = SignatureField()
    vulnerabilities = VulnerabilitiesField()

    class Meta:
        model = Image
        fields = (
            "id", "repository", "tag", "digest", "media_type", "size", "platforms", "source_image",
            "signature", "vulnerabilities", "updated_at", "pull_command", "pull_count", "last_pulled_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_pull_command(self, image: Image) -> str:
        return pull_command(image)


class ImageRowSerializer(ImageSerializer):
    """One tag as a row of a table. What no scan has told yet is empty, and not 0."""

    def to_representation(self, instance: Image) -> dict[str, Any]:
        row = super().to_representation(instance)
        found = row["vulnerabilities"]
        counts = {name: found[name] if found["scanned_at"] else None for name in SEVERITIES}
        return {**row, "scan": found["state"], "scanned_at": found["scanned_at"], **counts}


class ImageDetailSerializer(ImageSerializer):
    """One tag, with the platforms of an index."""

    children = ChildSerializer(many=True, read_only=True)

    class Meta(ImageSerializer.Meta):
        fields = (*ImageSerializer.Meta.fields, "artifact_type", "children")  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]


class RobotSerializer(StrictModelSerializer):
    """A robot account; ``username`` is what ``docker login -u`` takes."""

    username = serializers.CharField(source="login", read_only=True)
    expires_in_days = serializers.IntegerField(
        min_value=1, max_value=MAX_DAYS, required=False, default=None, allow_null=True, write_only=True
    )

    class Meta:
        model = Robot
        fields = (
            "id", "name", "username", "access", "expires_in_days", "created_at", "expires_at", "last_used_at",
        )  # fmt: skip
        read_only_fields = ("id", "created_at", "expires_at", "last_used_at")


class NewRobotSerializer(RobotSerializer):
    """The only answer that contains the secret."""

    secret = serializers.CharField(read_only=True)

    class Meta(RobotSerializer.Meta):
        fields = (*RobotSerializer.Meta.fields, "secret")  # type: ignore[assignment]
