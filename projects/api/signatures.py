"""What was found of an image's signatures, as the API shows it with tasks and images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from projects import signatures


class SignatureSerializer(serializers.Serializer[Any]):
    """``unknown`` is never ``unsigned``: the source was not asked, or did not answer."""

    state = serializers.ChoiceField(choices=signatures.STATES)
    by = serializers.CharField(allow_blank=True)
    detail = serializers.CharField()


@extend_schema_field(SignatureSerializer)
class SignatureField(serializers.Field[Any, Any, dict[str, str], Any]):
    """``{state, by, detail}``; ``detail`` follows Accept-Language."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"read_only": True, **kwargs})

    def get_attribute(self, instance: Any) -> Any:
        """Not by DRF's own way, which shows nothing for null."""
        return instance.signature or {}

    def to_representation(self, value: Mapping[str, Any]) -> dict[str, str]:
        verdict = signatures.shown(value)
        return {"state": verdict.state, "by": verdict.by, "detail": verdict.detail}
