"""Fields as strict as the API's description of them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django_filters import rest_framework as filters
from rest_framework import serializers

from accounts.moments import in_utc


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


class MomentField(filters.IsoDateTimeFilter.field_class):
    """A moment in ISO 8601 that there is in UTC, too."""

    def to_python(self, value: Any) -> Any:
        moment = super().to_python(value)
        try:
            return in_utc(moment) if moment is not None else None
        except ValueError:
            raise ValidationError(
                forms.DateTimeField.default_error_messages["invalid"], code="invalid"
            ) from None


class MomentFilter(filters.IsoDateTimeFilter):
    """A filter by a moment."""

    field_class = MomentField
