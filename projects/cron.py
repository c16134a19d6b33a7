"""Cron lines with a time zone: when a schedule runs next.

cronsim does the arithmetic. Around daylight saving the rule is Debian's cron's: a time that the clock skips runs right
after the gap, a fixed time that the clock repeats runs once, and lines whose minute or hour begins with a star follow
real time.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.exceptions import ApplicationError

#: Words that stand for a line.
NAMED: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_EVERY: Final = re.compile(r"\*/(\d{1,2})")


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


def check(line: str, zone: str) -> str:
    """The line with single spaces.

    :raises ApplicationError: ``invalid_time_zone``; ``invalid_cron``: it has not five fields (or one of ``@daily``
        and its like), or never comes due.
    """
    if zone not in zone_names():
        raise ApplicationError(
            "invalid_time_zone",
            gettext_noop("“%(zone)s” is not a time zone. Use a name such as Europe/Berlin."),
            zone=zone[:100],
        )
    cleaned = " ".join(line.split())
    if not _is_readable(cleaned):
        raise ApplicationError(
            "invalid_cron",
            gettext_noop(
                "“%(line)s” is not a cron expression. Enter minute, hour, day of month, month and day of week, "
                "for example 0 3 * * *."
            ),
            line=line[:100],
        )
    next_run(cleaned, zone, datetime.now(UTC))
    return cleaned


def next_run(line: str, zone: str, after: datetime) -> datetime:
    """The first moment after ``after`` (aware) at which ``line`` is due on the clocks of ``zone``; in UTC.

    :raises ApplicationError: ``invalid_cron``: there is none.
    """
    try:
        for moment in CronSim(_spelled_out(line), after.astimezone(ZoneInfo(zone))):
            # Of an hour that the clock repeats cronsim names the first, which may be past.
            if (found := moment.astimezone(UTC)) > after:
                return found
    except CronSimError:
        pass  # A day that no month has.
    raise ApplicationError(
        "invalid_cron", gettext_noop("The cron expression “%(line)s” never matches a date."), line=line[:100]
    )


def _spelled_out(line: str) -> str:
    return NAMED.get(line.lower(), line)


def _is_readable(line: str) -> bool:
    """Whether each field is one; day and month are looked at apart, as they may be right and never meet."""
    fields = _spelled_out(line).split()
    if len(fields) != 5:
        return False
    minute, hour, day, month, weekday = fields
    try:
        CronSim(f"{minute} {hour} {day} * {weekday}", datetime.now(UTC))
        CronSim(f"0 0 * {month} *", datetime.now(UTC))
    except (CronSimError, ValueError):  # the second: more digits than Python reads
        return False
    return True


def in_words(line: str) -> str:
    """``every day at 03:00`` for ``0 3 * * *``; empty for a line that is better read as it is."""
    fields = NAMED.get(line.strip().lower(), line).split()
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
