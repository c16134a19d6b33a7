"""Cursor pages: stable while rows come in, as quick on the last page as on the first.

DRF's own remembers one column and counts the rows that share its value, up to a thousand; rows written in bulk share
their time by the thousand. This one remembers every column of the order, down to the primary key.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import F, Field, Model, Q, QuerySet
from django.db.models.expressions import OrderBy
from django.template import loader
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from accounts import keyset
from accounts.moments import in_utc

if TYPE_CHECKING:
    from rest_framework.views import APIView


@dataclass(frozen=True)
class Column:
    """One column of the order. Empty values sort as the smallest, on every database."""

    name: str
    descending: bool
    field: Field[Any, Any] | None

    @classmethod
    def of(cls, term: str, model: type[Model]) -> Column:
        name = term.lstrip("-")
        try:
            field = model._meta.get_field("id" if name == "pk" else name)
        except FieldDoesNotExist:
            field = None  # an annotation
        return cls(name, term.startswith("-"), field if isinstance(field, Field) else None)

    @property
    def nullable(self) -> bool:
        return self.field is None or self.field.null

    def falls(self, *, backwards: bool) -> bool:
        """Whether its values get smaller on the way that is gone."""
        return self.descending != backwards

    def order(self, *, backwards: bool, filled: bool = False) -> OrderBy:
        """How the rows are ordered for a page.

        :param filled: the rows have a value; so the order is that of a plain index.
        """
        empty = True if self.nullable and not filled else None
        if self.falls(backwards=backwards):
            return F(self.name).desc(nulls_last=empty)
        return F(self.name).asc(nulls_first=empty)

    def has(self, value: bool) -> Q:
        """Rows that have a value, or those that have none."""
        return Q(**{f"{self.name}__isnull": not value})

    def from_here(self, value: Any, *, backwards: bool) -> Q:
        """Rows with ``value`` and what comes after it, of those that have one."""
        return Q(**{f"{self.name}__{'lte' if self.falls(backwards=backwards) else 'gte'}": value})

    def beyond(self, value: Any, *, backwards: bool) -> Q | None:
        """Rows that come after ``value`` in this direction; None: there can be none."""
        if self.falls(backwards=backwards):
            if value is None:
                return None
            below = Q(**{f"{self.name}__lt": value})
            return below | Q(**{f"{self.name}__isnull": True}) if self.nullable else below
        return Q(**{f"{self.name}__isnull": False} if value is None else {f"{self.name}__gt": value})

    def same(self, value: Any) -> Q:
        return Q(**{f"{self.name}__isnull": True} if value is None else {self.name: value})

    def dump(self, row: Any) -> Any:
        value = row
        for part in self.name.split("__"):
            value = getattr(value, part, None)
        return _plain(value)

    def load(self, value: Any) -> Any:
        """The value as the column compares it.

        :raises ValueError, ValidationError: no value of this column, or of no database.
        """
        if value is None:
            return value
        if self.field is not None and self.field.get_internal_type() == "DateTimeField":
            moment = parse_datetime(value) if isinstance(value, str) else None
            if moment is None:
                raise ValueError(value)
            return in_utc(moment)
        return _storable(value if self.field is None else self.field.to_python(value))


class CursorPages(BasePagination):
    """``{"next", "previous", "results"}``; ``page_size`` 50, at most 200. The order is the queryset's own."""

    page_size = 50
    max_page_size = 200
    cursor_query_param = "cursor"
    page_size_query_param = "page_size"
    template = "rest_framework/pagination/previous_and_next.html"
    #: Where neither the queryset nor its model has an order.
    ordering: tuple[str, ...] = ("-id",)

    def paginate_queryset(
        self, queryset: QuerySet[Any], request: Request, view: APIView | None = None
    ) -> list[Any]:
        """One page.

        :raises NotFound: the cursor is not one of ours.
        :raises ValidationError: the page size is no positive number.
        """
        self.base_url = request.build_absolute_uri()
        size = self.get_page_size(request)
        columns = self._columns(queryset)
        position, backwards = self._cursor(request, columns)
        rows = _rows(queryset, columns, position, size + 1, backwards=backwards)
        more, rows = len(rows) > size, rows[:size]
        if backwards:
            rows.reverse()
        ahead = position is not None if backwards else more
        behind = more if backwards else position is not None
        self.next_link = self._link(columns, rows[-1:], position, backwards=False) if ahead else None
        self.previous_link = self._link(columns, rows[:1], position, backwards=True) if behind else None
        self.display_page_controls = bool(self.next_link or self.previous_link)
        return rows

    def get_page_size(self, request: Request) -> int:
        asked = request.query_params.get(self.page_size_query_param) or str(self.page_size)
        if not asked.isascii() or not asked.isdigit() or not asked.strip("0"):
            raise serializers.ValidationError(
                {self.page_size_query_param: [_("Enter a whole number of at least 1.")]}
            )
        return min(int(asked.lstrip("0")[:6]), self.max_page_size)

    def _columns(self, queryset: QuerySet[Any]) -> list[Column]:
        terms = [term for term in queryset.query.order_by if isinstance(term, str)]
        terms = terms or list(queryset.model._meta.ordering or self.ordering)
        if not {"id", "-id", "pk", "-pk"} & set(terms):
            terms.append("-id" if terms[0].startswith("-") else "id")
        return [Column.of(str(term), queryset.model) for term in terms]

    def _cursor(self, request: Request, columns: Sequence[Column]) -> tuple[list[Any] | None, bool]:
        text = request.query_params.get(self.cursor_query_param)
        if not text:
            return None, False
        try:
            return _read(text, columns)
        except (ValueError, TypeError, ValidationError, OverflowError):
            raise NotFound(
                _("This page of the list doesn't exist. Start again from the first page."),
                code="invalid_cursor",
            ) from None

    def _link(
        self, columns: Sequence[Column], row: Sequence[Any], position: list[Any] | None, *, backwards: bool
    ) -> str:
        values = [column.dump(row[0]) for column in columns] if row else [_plain(v) for v in position or ()]
        cursor = keyset.encode([backwards, *values])
        return str(replace_query_param(self.base_url, self.cursor_query_param, cursor))

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self.next_link, "previous": self.previous_link, "results": data})

    def get_html_context(self) -> dict[str, str | None]:
        return {"previous_url": self.previous_link, "next_url": self.next_link}

    def to_html(self) -> str:
        return loader.get_template(self.template).render(self.get_html_context())

    def get_results(self, data: Any) -> Any:
        return data["results"]

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": "string", "format": "uri", "nullable": True}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": link, "previous": link, "results": schema},
        }

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        return [
            {
                "name": self.cursor_query_param,
                "in": "query",
                "required": False,
                "description": "Where the page begins: taken from `next` and `previous`.",
                "schema": {"type": "string"},
            },
            {
                "name": self.page_size_query_param,
                "in": "query",
                "required": False,
                "description": f"Rows a page; {self.max_page_size} where more are asked for.",
                "schema": {"type": "integer", "minimum": 1, "default": self.page_size},
            },
        ]


class ListPages(CursorPages):
    """The same of a list in memory: of a few rows that no one table holds. A cursor is a place in it."""

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any]:
        """One page of a sequence.

        :raises NotFound: the cursor is not one of ours.
        :raises ValidationError: the page size is no positive number.
        """
        self.base_url = request.build_absolute_uri()
        size, start = self.get_page_size(request), self._start(request)
        page = list(queryset[start : start + size])
        self.next_link = self._place(start + size) if start + size < len(queryset) else None
        self.previous_link = self._place(max(0, start - size)) if start else None
        self.display_page_controls = bool(self.next_link or self.previous_link)
        return page

    def _start(self, request: Request) -> int:
        text = request.query_params.get(self.cursor_query_param) or "0"
        if not (text.isascii() and text.isdigit() and len(text) <= 6):
            raise NotFound(
                _("This page of the list doesn't exist. Start again from the first page."),
                code="invalid_cursor",
            )
        return int(text)

    def _place(self, at: int) -> str:
        return str(replace_query_param(self.base_url, self.cursor_query_param, str(at)))


class RunningPages(ListPages):
    """The same of what is made as it is read: no one knows how long it is before its end.

    :meth:`span` says which part is wanted, :meth:`take` takes that part and whether more follows.
    """

    def span(self, request: Request) -> tuple[int, int]:
        """Where the page begins, and how many rows it has.

        :raises NotFound, ValidationError: as :meth:`paginate_queryset`.
        """
        self.base_url = request.build_absolute_uri()
        return self._start(request), self.get_page_size(request)

    def take(self, start: int, size: int, *, more: bool) -> None:
        """The page is there; ``more``: other rows follow."""
        self.next_link = self._place(start + size) if more else None
        self.previous_link = self._place(max(0, start - size)) if start else None


def _read(text: str, columns: Sequence[Column]) -> tuple[list[Any], bool]:
    """Position and direction that a cursor names.

    :raises ValueError, TypeError, ValidationError, OverflowError: it is not one of ours.
    """
    backwards, *values = keyset.decode(text)
    if not isinstance(backwards, bool):
        raise ValueError(text)
    position = [column.load(value) for column, value in zip(columns, values, strict=True)]
    return position, backwards


def _rows(
    queryset: QuerySet[Any],
    columns: Sequence[Column],
    position: Sequence[Any] | None,
    most: int,
    *,
    backwards: bool,
) -> list[Any]:
    """The first ``most`` rows after ``position``. Where the first column may be empty, rows with a value and rows
    without are read one after the other: no index serves both at once."""
    first = columns[0]
    after = Q() if position is None else _after(columns, position, backwards=backwards)
    here = position[0] if position is not None else None
    filled = after if here is None else after & first.from_here(here, backwards=backwards)
    if not first.nullable:
        found = queryset.order_by(*(column.order(backwards=backwards) for column in columns))
        return list(found.filter(filled)[:most])
    with_value, without = queryset.filter(filled & first.has(True)), queryset.filter(after & first.has(False))
    orders = [column.order(backwards=backwards) for column in columns[1:]]
    phases = [
        with_value.order_by(first.order(backwards=backwards, filled=True), *orders),
        without.order_by(*orders),
    ]
    if not first.falls(backwards=backwards):
        phases.reverse()  # empty values are the smallest
    rows: list[Any] = []
    for phase in phases:
        if len(rows) < most:
            rows += phase[: most - len(rows)]
    return rows


def _after(columns: Sequence[Column], position: Sequence[Any], *, backwards: bool) -> Q:
    """``(a > x) or (a = x and b > y) or …``"""
    found, same = Q(pk__in=[]), Q()
    for column, value in zip(columns, position, strict=True):
        beyond = column.beyond(value, backwards=backwards)
        if beyond is not None:
            found |= same & beyond
        same &= column.same(value)
    return found


def _storable(value: Any) -> Any:
    """The value itself, if a database can hold it.

    :raises ValueError: no database can compare with it.
    """
    if isinstance(value, str):
        value.encode()  # half a character of UTF-16 is none
        if "\0" in value:
            raise ValueError(value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(value)
    return _in_64_bits(value) if isinstance(value, int) else value


def _in_64_bits(number: int) -> int:
    if not -(2**63) <= number < 2**63:
        raise ValueError(number)
    return number


def _plain(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value if value is None or isinstance(value, (int, float, str)) else str(value)
