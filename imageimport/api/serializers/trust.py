"""Trust anchors: whose signatures count."""

from __future__ import annotations

from rest_framework import serializers

from accounts.api.fields import StrictModelSerializer, Text
from accounts.labels import check_label
from imageimport.models import TrustAnchor
from imageimport.policy.trust import MAX_SOURCES, NewTrust
from oci.signatures.keys import PEM_CHARS


class TrustSerializer(StrictModelSerializer):
    """A key takes ``public_key``; ``keyless`` takes ``issuer`` and ``identity``. What the other kind takes is empty."""

    public_key = Text(max_length=PEM_CHARS, required=False, allow_blank=True, default="")
    issuer = Text(max_length=500, required=False, allow_blank=True, default="")
    identity = Text(max_length=1000, required=False, allow_blank=True, default="")
    identity_is_pattern = serializers.BooleanField(required=False, default=False)
    sources = serializers.ListField(
        child=Text(max_length=300), required=False, default=list, max_length=MAX_SOURCES
    )

    class Meta:
        model = TrustAnchor
        fields = (
            "id", "name", "kind", "public_key", "issuer", "identity", "identity_is_pattern", "sources", "created_at",
        )  # fmt: skip
        read_only_fields = ("id", "created_at")

    def validate_name(self, name: str) -> str:
        check_label(name)
        return name

    def to_wanted(self) -> NewTrust:
        """The validated body for the service."""
        return NewTrust(**self.validated_data)
