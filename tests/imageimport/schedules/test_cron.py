"""When a schedule runs next, around daylight saving too."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from imageimport.schedules.cron import CronError, check, next_run


def runs(line: str, zone: str, after: datetime, count: int) -> list[str]:
    found = []
    for _ in range(count):
        after = next_run(line, zone, after)
        assert after.tzinfo is UTC
        found.append(after.strftime("%m-%d %H:%M"))
    return found


def test_the_clock_is_that_of_the_zone() -> None:
    noon = datetime(2026, 6, 1, 12, tzinfo=UTC)
    assert runs("0 3 * * *", "Asia/Shanghai", noon, 1) == ["06-01 19:00"]
    assert runs("0 3 * * *", "UTC", noon, 1) == ["06-02 03:00"]


def test_a_time_that_the_clock_skips_runs_right_after_the_gap() -> None:
    day_before = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert runs("30 2 * * *", "Europe/Berlin", day_before, 2) == ["03-29 01:00", "03-30 00:30"]


def test_a_fixed_hour_that_the_clock_repeats_runs_once() -> None:
    day_before = datetime(2026, 10, 24, 12, tzinfo=UTC)
    assert runs("30 2 * * *", "Europe/Berlin", day_before, 2) == ["10-25 00:30", "10-26 01:30"]
    between = datetime(2026, 10, 25, 0, 45, tzinfo=UTC)
    assert runs("30 2 * * *", "Europe/Berlin", between, 1) == ["10-26 01:30"]


def test_a_line_of_every_half_hour_follows_real_time() -> None:
    night = datetime(2026, 10, 24, 23, 40, tzinfo=UTC)
    expected = ["10-25 00:00", "10-25 00:30", "10-25 01:00", "10-25 01:30", "10-25 02:00"]
    assert runs("*/30 * * * *", "Europe/Berlin", night, 5) == expected


@pytest.mark.parametrize(
    "line", ["0 3 * * *", "@daily", "*/5 * * * MON-FRI", "0 0 1 jan *", "0 0 L * *", " 0  3 * * * "]
)
def test_what_people_write_is_understood(line: str) -> None:
    assert check(line, "UTC") == " ".join(line.split())


@pytest.mark.parametrize(
    "line",
    [
        "",
        "0 3 * *",
        "* * * * * *",
        "61 * * * *",
        "@reboot",
        "R * * * *",
        "H * * * *",
        "a b c d e",
        "*/0 * * * *",
    ],
)
def test_what_is_no_line_is_refused(line: str) -> None:
    with pytest.raises(CronError, match="not a cron line"):
        check(line, "UTC")


def test_a_day_that_never_comes_is_refused() -> None:
    with pytest.raises(CronError, match="never comes due"):
        check("0 0 31 2 *", "UTC")


@pytest.mark.parametrize("zone", ["", "Mars/Base", "../etc/passwd", "utc+1"])
def test_an_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(CronError, match="time zone"):
        check("0 3 * * *", zone)
