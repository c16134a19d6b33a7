"""Pages of long lists, newest first: a page says where the older one begins, so the last is as quick as the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

from accounts import keyset
from accounts.moments import in_utc

SIZES: Final = (25, 50, 100)
_KEPT: Final = "page_size"
#: Digits of the place where a page of a sorted list begins.
_NUMBER: Final = 6


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows; ``older`` is the mark of the next page, empty on the last; ``first`` is false after the newest.
    ``sorted``: by something else than time."""

    rows: Sequence[Any]
    older: str
    first: bool
    size: int
    sorted: bool = False

    @property
    def is_all(self) -> bool:
        """Everything is on this page, and would be on a smaller one."""
        return self.first and not self.older and self.size == SIZES[0]

    @property
    def sizes(self) -> tuple[int, ...]:
        return SIZES


def page_of(request: HttpRequest, rows: QuerySet[Any], *, by: str = "created_at") -> Page:
    """The page that ``?before=`` asks for, ordered by the time in the column ``by``, then the id, both falling."""
    size = page_size(request)
    mark = _read(request.GET.get("before", ""))
    rows = rows.order_by(f"-{by}", "-id")
    if mark is not None:
        moment, row_id = mark
        # The first condition alone bounds the index scan; the second settles rows of the same moment.
        rows = rows.filter(Q(**{f"{by}__lte": moment}) & (Q(**{f"{by}__lt": moment}) | Q(pk__lt=row_id)))
    found = list(rows[: size + 1])
    older = _write(found[size - 1], by) if len(found) > size else ""
    return Page(found[:size], older, mark is None, size)


def sorted_page_of(request: HttpRequest, rows: QuerySet[Any], order: str) -> Page:
    """As :func:`page_of`, ordered by a column (falling with a minus), then the tag or id in the same direction, as an
    index has them; ``?before=`` is a number of rows.

    Whatever stands before the page is read as well: for lists that people sort to see one of their ends.
    """
    size, asked = page_size(request), request.GET.get("before", "")
    start = int(asked) if asked.isascii() and asked.isdigit() and len(asked) <= _NUMBER else 0
    column = order.removeprefix("-")
    then = order.removesuffix(column) + ("tag" if column == "repository" else "id")
    found = list(rows.order_by(order, then)[start : start + size + 1])
    older = str(start + size) if len(found) > size else ""
    return Page(found[:size], older, start == 0, size, sorted=True)


def page_size(request: HttpRequest) -> int:
    """The size that was asked for, else the one that this person chose last."""
    asked = request.GET.get(_KEPT, "")
    if asked.isascii() and asked.isdigit() and len(asked) < 4 and int(asked) in SIZES:
        if request.session.get(_KEPT) != int(asked):
            request.session[_KEPT] = int(asked)
        return int(asked)
    kept = request.session.get(_KEPT)
    return kept if kept in SIZES else SIZES[0]


def _write(row: Model, by: str) -> str:
    return keyset.encode([getattr(row, by).isoformat(), str(row.pk)])


def _read(mark: str) -> tuple[datetime, UUID] | None:
    try:
        moment, row_id = keyset.decode(mark)
        return in_utc(datetime.fromisoformat(moment)), UUID(row_id)
    except (ValueError, TypeError, AttributeError):
        return None
