"""Moments that come from outside."""

from __future__ import annotations

from datetime import UTC, datetime


def in_utc(moment: datetime) -> datetime:
    """The same moment in UTC, as databases compare it. The first and the last day of the calendar have moments in
    other zones that are none there.

    :raises ValueError: it has no zone, or UTC has no such year.
    """
    if moment.tzinfo is None:
        raise ValueError(moment)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(moment) from None
