"""Lists of the admin that stay quick among a million rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.views.main import PAGE_VAR
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from projects.search import query
from projects.search.trigrams import TrigramIndex


class EstimatedPaginator(Paginator):
    """Counts some pages ahead of the one that is looked at, and to a bound at most: to count a million rows is slow,
    and so is to count those few among them that contain a text. Who turns pages sees more of them."""

    PAGES_AHEAD = 4
    BOUND = 1000
    #: The page that is looked at; :class:`PagesAhead` says it.
    asked = 1

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(
            rows.order_by()[: min((self.asked + self.PAGES_AHEAD) * self.per_page, self.BOUND)].count()
        )


class PagesAhead(admin.ModelAdmin):
    """Pages without a count of everything."""

    show_full_result_count = False
    list_per_page = 50
    paginator = EstimatedPaginator

    def get_paginator(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Paginator[Any]:
        """The paginator, which knows the page that the address asks for."""
        found: Paginator[Any] = super().get_paginator(request, *args, **kwargs)
        page = request.GET.get(PAGE_VAR, "")
        if isinstance(found, EstimatedPaginator) and page.isascii() and page.isdigit():
            found.asked = int(page[:4])
        return found


class IndexedAdmin(PagesAhead):
    """Pages without a count of everything, and a search by the model's trigram index.

    ``search_fields`` are the columns that are searched; each word that is typed must stand in one of them.
    """

    index: ClassVar[TrigramIndex]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Rows that contain every word, and that none of them comes twice."""
        words = search_term.replace("\x00", "").split()
        if not words:
            return queryset, False
        rare = query.matching_ids(self.index, [words], projects=None)
        if rare is not None:
            queryset = queryset.filter(pk__in=rare)
        for word in words:
            queryset = queryset.filter(self._contains(word))
        return queryset, False

    def _contains(self, word: str) -> Q:
        found = Q(pk__in=[])
        for column in self.index.columns:
            found |= Q(**{f"{column}__icontains": word})
        return found


class ValuesByIndex(admin.AllValuesFieldListFilter):
    """Which values there are, read value by value from an index that begins with the column; the usual filter reads
    the whole table for them."""

    def __init__(self, field: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(field, *args, **kwargs)
        _request, _params, model, *_more = args
        choices: Any = _values(model, self.field_path)
        self.lookup_choices = choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        """What is chosen is not empty, which is said for an index that leaves the empty ones out."""
        found = super().queryset(request, queryset)
        return (
            found.exclude(**{self.field_path: ""})
            if self.lookup_val is not None and found is not None
            else found
        )


def _values(model: type[Any], column: str) -> Sequence[Any]:
    """Its distinct values, the empty one aside."""
    found: list[Any] = []
    # Said each time, since the index may leave the empty ones out.
    filled = model._default_manager.exclude(**{column: ""})
    rows = filled.order_by(column).values_list(column, flat=True)
    value = rows.first()
    while value is not None:
        found.append(value)
        value = rows.filter(**{f"{column}__gt": value}).first()
    return found
