"""Saved credentials; the password goes in and never out."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.api.fields import StrictModelSerializer, Text
from accounts.labels import check_label
from imageimport.models import Credential


class CredentialSerializer(StrictModelSerializer):
    """Changing ``registry`` without giving ``password`` clears it; a change without ``password`` keeps it."""

    username = Text(max_length=255, trim_whitespace=False)
    password = Text(
        max_length=8192,
        write_only=True,
        allow_blank=True,
        trim_whitespace=False,
        style={"input_type": "password"},
    )
    has_password = serializers.SerializerMethodField()

    class Meta:
        model = Credential
        fields = (
            "id", "name", "registry", "username", "password", "has_password", "created_at", "updated_at",
            "last_used_at",
        )  # fmt: skip
        read_only_fields = ("id", "created_at", "updated_at", "last_used_at")

    def validate_name(self, name: str) -> str:
        check_label(name)
        return name

    def get_has_password(self, credential: Credential) -> bool:
        return bool(credential.password)


class TestedSerializer(serializers.Serializer[Any]):
    """Whether the registry accepted the sign-in."""

    ok = serializers.BooleanField()
    code = serializers.CharField(allow_blank=True)
    detail = serializers.CharField(allow_blank=True)
