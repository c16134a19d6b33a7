"""Fields as strict as the API's description of them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class Text(serializers.CharField):
    """Takes strings only. DRF's would take the number 1.20 for the text ``1.2``."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictModelSerializer(serializers.ModelSerializer):
    """Texts of the model become :class:`Text`."""

    serializer_field_mapping = {
        model_field: Text if field is serializers.CharField else field
        for model_field, field in serializers.ModelSerializer.serializer_field_mapping.items()
    }
