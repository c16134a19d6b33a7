"""API tokens as the API shows and takes them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.api.fields import Text
from accounts.labels import check_label
from accounts.models import ApiToken
from accounts.sign_in.tokens import MAX_DAYS


class TokenSerializer(serializers.ModelSerializer[ApiToken]):
    """A token as its owner sees it later."""

    class Meta:
        model = ApiToken
        fields = ("id", "name", "scope", "prefix", "created_at", "expires_at", "last_used_at")
        read_only_fields = fields


class SignInSerializer(serializers.Serializer[Any]):
    """What a new token takes."""

    username = Text(max_length=150)
    password = Text(max_length=4096, write_only=True, trim_whitespace=False, style={"input_type": "password"})
    otp = Text(
        max_length=32,
        required=False,
        default="",
        allow_blank=True,
        write_only=True,
        help_text="The code of the second factor, where the account has one.",
    )
    name = Text(max_length=100, required=False, default="", allow_blank=True, validators=[check_label])
    expires_in_days = serializers.IntegerField(
        min_value=1, max_value=MAX_DAYS, required=False, default=None, allow_null=True
    )
    scope = serializers.ChoiceField(
        choices=ApiToken.Scope.choices, required=False, default=ApiToken.Scope.ADMIN
    )


class NewTokenSerializer(serializers.Serializer[Any]):
    """The only answer that contains the secret."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    token = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True)
