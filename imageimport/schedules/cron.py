"""Cron lines with a time zone: when a schedule runs next.

croniter does the arithmetic. Around daylight saving the rule is Vixie cron's: a time that the clock skips runs right
after the gap, a fixed hour that the clock repeats runs once, and lines that run every hour follow real time.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from croniter import CroniterBadDateError, CroniterError, croniter

from oci.errors import gettext_noop

_FIELD: Final = re.compile(r"[0-9A-Za-z*,/#-]+", re.ASCII)
_WORDS: Final = frozenset({"@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually"})
#: croniter's letters for a random moment, which would differ from one look to the next.
_RANDOM: Final = re.compile(r"(?<![A-Z])[HR](?![A-Z])", re.IGNORECASE | re.ASCII)


class CronError(ValueError):
    """A line that can't be read or never comes due; ``template`` and ``params`` are for people."""

    def __init__(self, template: str, **params: str) -> None:
        super().__init__(template % params)
        self.template = template
        self.params = params


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


def check(line: str, zone: str) -> str:
    """The line with single spaces.

    :raises CronError: it has not five fields (or one of ``@daily`` and its like), or never comes due.
    """
    if zone not in zone_names():
        raise CronError(
            gettext_noop("“%(zone)s” is not a time zone. Write it like Europe/Berlin."), zone=zone[:100]
        )
    fields = line.split()
    readable = fields[0].lower() in _WORDS if len(fields) == 1 else len(fields) == 5
    if not readable or not all(map(_is_field, fields)):
        raise _unreadable(line)
    cleaned = " ".join(fields)
    try:
        next_run(cleaned, zone, datetime.now(UTC))
    except CroniterBadDateError as exc:
        raise CronError(
            gettext_noop("The cron line “%(line)s” never comes due."), line=cleaned[:100]
        ) from exc
    except CroniterError as exc:
        raise _unreadable(line) from exc
    return cleaned


def _is_field(text: str) -> bool:
    return text.lower() in _WORDS or (_FIELD.fullmatch(text) is not None and not _RANDOM.search(text))


def _unreadable(line: str) -> CronError:
    return CronError(
        gettext_noop("“%(line)s” is not a cron line: minute, hour, day, month, weekday, as in 0 3 * * *."),
        line=line[:100],
    )


def next_run(line: str, zone: str, after: datetime) -> datetime:
    """The first moment after ``after`` (aware) at which ``line`` is due on the clocks of ``zone``; in UTC.

    :raises CroniterError: there is none.
    """
    moments = croniter(line, after.astimezone(ZoneInfo(zone)))
    moment: datetime = moments.get_next(datetime)
    while moment.fold and _fixed_hour(line):
        moment = moments.get_next(datetime)
    return moment.astimezone(UTC)


def _fixed_hour(line: str) -> bool:
    fields = line.split()
    return len(fields) == 5 and "*" not in fields[1]
