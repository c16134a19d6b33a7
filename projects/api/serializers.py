"""Projects, members, images and robots as the API shows and takes them."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from rest_framework import serializers

from accounts.api.fields import StrictModelSerializer, Text
from accounts.tokens import MAX_DAYS
from projects.models import Image, Membership, Project, Robot, Role
from projects.pull_commands import pull_command


class ProjectSerializer(StrictModelSerializer):
    """A project with the caller's own role; null: everyone who signs in reads it."""

    role = serializers.ChoiceField(choices=Role.choices, read_only=True, allow_null=True)
    image_count = serializers.IntegerField(read_only=True)

    class Meta:
        model = Project
        fields = ("id", "name", "description", "visibility", "role", "image_count", "created_at")
        read_only_fields = ("id", "created_at")

    def validate_name(self, name: str) -> str:
        if self.instance is not None and name != self.instance.name:
            raise serializers.ValidationError(
                _("A project's name is part of its images' addresses and stays.")
            )
        return name


class MemberSerializer(StrictModelSerializer):
    """A member. The user is named when he is added, and stays the same."""

    username = Text(source="user.username", max_length=150)

    class Meta:
        model = Membership
        fields = ("id", "username", "role", "created_at")
        read_only_fields = ("id", "created_at")

    def validate_username(self, username: str) -> str:
        if self.instance is not None:
            if username != self.instance.user.get_username():
                raise serializers.ValidationError(_("A membership stays with its user."))
            return username
        if not User.objects.filter(username=username, is_active=True).exists():
            raise serializers.ValidationError(_("There is no such user."))
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

    class Meta:
        model = Image
        fields = (
            "id", "repository", "tag", "digest", "media_type", "size", "platforms", "source_image",
            "updated_at", "pull_command", "pull_count", "last_pulled_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_pull_command(self, image: Image) -> str:
        return pull_command(image)


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
    """The one answer that holds the secret."""

    secret = serializers.CharField(read_only=True)

    class Meta(RobotSerializer.Meta):
        fields = (*RobotSerializer.Meta.fields, "secret")  # type: ignore[assignment]
