"""One set of filters for pages and API."""

from __future__ import annotations

from typing import Any, ClassVar

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from imageimport.choices import Status
from imageimport.models import ImportTask
from imageimport.searching import search


class TaskFilter(django_filters.FilterSet):
    """``status``, ``search`` (part of source or target image), ``batch``, ``schedule``, ``ordering``."""

    status = django_filters.MultipleChoiceFilter(choices=Status.choices, label=_("Status"))
    search = django_filters.CharFilter(method="find", label=_("Search"))
    batch = django_filters.UUIDFilter(field_name="batch_id", label=_("Batch"))
    schedule = django_filters.UUIDFilter(field_name="schedule_id", label=_("Scheduled sync"))
    ordering = django_filters.OrderingFilter(
        fields=(("created_at", "created_at"), ("completed_at", "completed_at"), ("status", "status")),
        label=_("Order"),
    )

    class Meta:
        model = ImportTask
        fields: ClassVar[list[str]] = []

    def find(self, queryset: QuerySet[ImportTask], name: str, value: str) -> QuerySet[ImportTask]:
        return search(queryset, value)

    @property
    def is_narrowed(self) -> bool:
        """Whether any filter is set: an empty page then says "nothing matches"."""
        data: Any = self.form.cleaned_data if self.form.is_valid() else {}
        return any(data.get(name) for name in ("status", "search", "batch", "schedule"))
