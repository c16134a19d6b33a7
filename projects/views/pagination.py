"""Pages of long lists, newest first: a page says where the older one begins, so the last is as quick as the first."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

from accounts.moments import in_utc

SIZES: Final = (25, 50, 100)
_KEPT: Final = "page_size"


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows; ``older`` is the mark of the next page, empty on the last; ``first`` is false after the newest."""

    rows: Sequence[Any]
    older: str
    first: bool
    size: int

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
    text = f"{getattr(row, by).isoformat()} {row.pk}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read(mark: str) -> tuple[datetime, UUID] | None:
    if not mark or len(mark) > 200:
        return None
    try:
        moment, _space, row_id = (
            base64.urlsafe_b64decode(mark + "=" * (-len(mark) % 4)).decode("ascii").partition(" ")
        )
        return in_utc(datetime.fromisoformat(moment)), UUID(row_id)
    except (ValueError, binascii.Error):
        return None
