"""When a schedule runs next, around daylight saving too."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.utils import translation

from accounts.exceptions import ApplicationError
from projects.cron import check, in_words, next_run


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


def test_a_fixed_hour_is_past_in_the_middle_of_its_second_time() -> None:
    second_time = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)
    assert runs("30 2 * * *", "Europe/Berlin", second_time, 1) == ["10-26 01:30"]


def test_a_line_of_every_half_hour_follows_real_time() -> None:
    night = datetime(2026, 10, 24, 23, 40, tzinfo=UTC)
    expected = ["10-25 00:00", "10-25 00:30", "10-25 01:00", "10-25 01:30", "10-25 02:00"]
    assert runs("*/30 * * * *", "Europe/Berlin", night, 5) == expected


@pytest.mark.parametrize(
    "line",
    ["0 3 * * *", "@daily", "*/5 * * * MON-FRI", "0 0 1 jan *", "0 0 L * *", "@Yearly", " 0  3 * * * "],
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
        f"{'9' * 5000} * * * *",
        "0 0 31 13 *",
    ],
)
def test_what_is_no_line_is_refused(line: str) -> None:
    with pytest.raises(ApplicationError, match="not a cron expression"):
        check(line, "UTC")


def test_a_day_that_never_comes_is_refused() -> None:
    with pytest.raises(ApplicationError, match="never matches a date"):
        check("0 0 31 2 *", "UTC")


@pytest.mark.parametrize("zone", ["", "Mars/Base", "../etc/passwd", "utc+1"])
def test_an_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(ApplicationError, match="time zone"):
        check("0 3 * * *", zone)


# --- in words ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "english", "chinese"),
    [
        ("0 3 * * *", "every day at 03:00", "每天 03:00"),
        ("@daily", "every day at 00:00", "每天 00:00"),
        ("*/15 * * * *", "every 15 minutes", "每 15 分钟"),
        ("* * * * *", "every minute", "每分钟"),
        ("0 * * * *", "every hour", "每小时"),
        ("20 * * * *", "every hour at minute 20", "每小时的第 20 分钟"),
        ("0 */6 * * *", "every 6 hours", "每 6 小时"),
        ("30 7 * * 1-5", "Monday to Friday at 07:30", "周一至周五 07:30"),
        ("0 3 * * 0", "every Sunday at 03:00", "每星期日 03:00"),
        ("0 3 * * 7", "every Sunday at 03:00", "每星期日 03:00"),
        ("0 3 * * sat", "every Saturday at 03:00", "每星期六 03:00"),
        ("0 3 1 * *", "on day 1 of each month at 03:00", "每月 1 日 03:00"),
    ],
)
def test_a_common_line_is_said_in_words(line: str, english: str, chinese: str) -> None:
    with translation.override("en"):
        assert in_words(line) == english
    with translation.override("zh-hans"):
        assert in_words(line) == chinese


@pytest.mark.parametrize(
    "line",
    [
        "0 3 1 1 *",  # one day of the year
        "0 3 1 * 1",  # either of two days
        "0,30 3 * * *",
        "*/7 * * * *",  # cut short at the end of the hour
        "0 */5 * * *",
        "30 */6 * * *",
        "0 3 * * 1,3",
        "0 3-6 * * *",
        "*/0 * * * *",
        "nonsense",
        "",
    ],
)
def test_any_other_line_stays_as_it_is(line: str) -> None:
    assert in_words(line) == ""
