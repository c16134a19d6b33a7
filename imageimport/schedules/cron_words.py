"""What a cron line says, in the reader's words; only lines of the common shapes."""

from __future__ import annotations

import re
from typing import Final

from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _

_NAMED: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
}
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_EVERY: Final = re.compile(r"\*/(\d{1,2})")


def in_words(line: str) -> str:
    """``every day at 03:00`` for ``0 3 * * *``; empty for a line that is better read as it is."""
    fields = _NAMED.get(line.strip().lower(), line).split()
    if len(fields) != 5 or fields[3] != "*":
        return ""
    minute, hour, day, _month, weekday = fields
    if day == weekday == "*":
        return _each_day(minute, hour)
    if minute.isdecimal() and hour.isdecimal():
        return _on_some_days(day, weekday, time=f"{int(hour):02}:{int(minute):02}")
    return ""


def _on_some_days(day: str, weekday: str, *, time: str) -> str:
    if day == "*" and weekday.lower() in ("1-5", "mon-fri"):
        return _("Monday to Friday at %(time)s") % {"time": time}
    if day == "*" and (number := _weekday(weekday)) is not None:
        return _("every %(weekday)s at %(time)s") % {"weekday": WEEKDAYS[(number - 1) % 7], "time": time}
    if weekday == "*" and day.isdecimal():
        return _("on day %(day)s of each month at %(time)s") % {"day": int(day), "time": time}
    return ""


def _each_day(minute: str, hour: str) -> str:
    if minute.startswith("*/") or minute == "*":
        return _minutes(minute) if hour == "*" else ""
    if not minute.isdecimal():
        return ""
    if hour.startswith("*"):
        return _hours(hour, int(minute))
    return (
        _("every day at %(time)s") % {"time": f"{int(hour):02}:{int(minute):02}"} if hour.isdecimal() else ""
    )


def _minutes(minute: str) -> str:
    count = _step(minute, 60)
    return _("every minute") if count == 1 else _("every %(n)d minutes") % {"n": count} if count else ""


def _hours(hour: str, minute: int) -> str:
    count = _step(hour, 24)
    if count == 1:
        return (
            _("every hour at minute %(minute)s") % {"minute": f"{minute:02}"} if minute else _("every hour")
        )
    return _("every %(n)d hours") % {"n": count} if count and not minute else ""


def _step(field: str, whole: int) -> int:
    """3 of ``*/3``; 0 where the steps don't fill the whole: its last one is cut short, so it is not "every 3"."""
    count = 1 if field == "*" else int(field[2:]) if _EVERY.fullmatch(field) else 0
    return count if count and whole % count == 0 else 0


def _weekday(text: str) -> int | None:
    """0 is Sunday, and so is 7."""
    if text.isdecimal() and int(text) <= 7:
        return int(text) % 7
    return _DAYS.index(text.lower()) if text.lower() in _DAYS else None
