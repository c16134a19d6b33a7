"""Fields as strict as the API's description of them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.dateparse import parse_date
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


class EndField(MomentField):
    """The moment up to which something is meant; a date without a time is meant to its end."""

    def to_python(self, value: Any) -> Any:
        moment = super().to_python(value)
        if moment is None or not isinstance(value, str) or parse_date(value.strip()) is None:
            return moment
        try:
            return moment + dt.timedelta(days=1)
        except OverflowError:  # no day follows
            return moment


class EndFilter(MomentFilter):
    """A filter by the moment up to which rows are meant."""

    field_class = EndField


class ExactFilter(filters.CharFilter):
    """Compares a whole text. Given empty it finds what is empty, which a name never is: a program whose variable is
    unset gets nothing instead of everything."""

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        """The rows that the parameter asks for.

        :param value: empty where the parameter is empty, and where there is none.
        """
        if not value and self.parent is not None and self.field_name in self.parent.data:
            return qs.filter(**{self.field_name: ""})
        found: QuerySet[Any] = super().filter(qs, value)
        return found
