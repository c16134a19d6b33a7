"""Hours of the day in which something may happen, by the clock on a wall somewhere. Pure: no rows, no settings."""

from __future__ import annotations

import datetime as dt
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

_WINDOW: Final = re.compile(
    r"([01]?[0-9]|2[0-3]):([0-5][0-9])-([01]?[0-9]|2[0-4]):([0-5][0-9])(?: +(\S+))?", re.ASCII
)
_DAY: Final = dt.timedelta(days=1)
_MINUTE: Final = dt.timedelta(minutes=1)
#: Days, today among them, that are looked at for a moment at which all windows are open; those of two zones meet
#: within two days or, but for a change of summer time, never.
_LOOK_AHEAD: Final = 4


@dataclass(frozen=True, slots=True)
class Window:
    """Open from ``start`` until before ``end``, minutes since midnight of ``zone``'s wall clock; over midnight where
    the end is not after the start.
    """

    start: int
    end: int
    zone: str

    @classmethod
    def parse(cls, text: str, default_zone: str) -> Window:
        """``22:00-06:00 Asia/Shanghai``.

        :raises ValueError: it is none, or open for no time.
        """
        match = _WINDOW.fullmatch(text.strip())
        if match is None:
            raise ValueError("hours are written as 22:00-06:00, perhaps with a time zone behind them")
        start, end = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
        if end > 24 * 60 or start == end:
            raise ValueError("these hours are open for no time")
        zone = match[5] or default_zone
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("there is no such time zone") from None
        return cls(start, end, zone)

    def is_open(self, now: dt.datetime) -> bool:
        """Whether the wall clock shows a time within; in a night that has an hour twice, both times."""
        local = now.astimezone(ZoneInfo(self.zone))
        minute = local.hour * 60 + local.minute
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end


def check_window(text: str) -> None:
    """For fields.

    :raises ValidationError: it is no window.
    """
    try:
        Window.parse(text, "UTC")
    except ValueError:
        raise ValidationError(
            _("Enter hours such as 22:00-06:00, followed by a time zone such as Asia/Shanghai if needed.")
        ) from None


def opens_at(windows: Sequence[Window], now: dt.datetime) -> dt.datetime | None:
    """When all windows are open: ``now`` where they are, else the first minute; None where they never meet."""
    if all(window.is_open(now) for window in windows):
        return now
    openings = _openings(tuple(windows), now.astimezone(dt.UTC).date())
    return next((at for at in openings if at > now), None)


@lru_cache(maxsize=4096)
def _openings(windows: tuple[Window, ...], day: dt.date) -> tuple[dt.datetime, ...]:
    """In order, all moments of a day (UTC) and those after it at which all windows are open and one may have opened."""
    moments = {at for window in windows for at in _may_open(window, day)}
    return tuple(at for at in sorted(moments) if all(window.is_open(at) for window in windows))


def _may_open(window: Window, day: dt.date) -> Iterator[dt.datetime]:
    """When the wall clock shows the start, each time where it does so twice; and when the clock itself is changed."""
    zone = ZoneInfo(window.zone)
    # Where it is still yesterday, and where it is tomorrow already.
    for number in range(-1, _LOOK_AHEAD + 1):
        for fold in (0, 1):
            start = dt.time(*divmod(window.start, 60), fold=fold)
            yield dt.datetime.combine(day + number * _DAY, start, zone).astimezone(dt.UTC)
    midnight = dt.datetime.combine(day, dt.time(), dt.UTC)
    for number in range(_LOOK_AHEAD):
        yield from _changes(zone, midnight + number * _DAY)


def _changes(zone: ZoneInfo, midnight: dt.datetime) -> Iterator[dt.datetime]:
    """The minute of the day after ``midnight`` (UTC) from which on the clocks of a zone show another time."""
    before = midnight.astimezone(zone).utcoffset()

    def is_changed(minutes: int) -> bool:
        return (midnight + minutes * _MINUTE).astimezone(zone).utcoffset() != before

    whole = _DAY // _MINUTE
    if is_changed(whole):
        yield midnight + bisect_left(range(whole), True, key=is_changed) * _MINUTE
