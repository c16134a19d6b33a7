"""Hours of the day, by a clock that stands still; over both changes of summer time."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.exceptions import ValidationError

from projects.hours import Window, check_window, opens_at

NIGHT = Window.parse("22:00-06:00 Asia/Shanghai", "UTC")


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("text", "at", "is_open"),
    [
        ("22:00-06:00 Asia/Shanghai", "2026-03-01 13:59", False),
        ("22:00-06:00 Asia/Shanghai", "2026-03-01 14:00", True),
        ("22:00-06:00 Asia/Shanghai", "2026-03-01 21:59", True),
        ("22:00-06:00 Asia/Shanghai", "2026-03-01 22:00", False),
        ("9:00-17:30", "2026-03-01 09:00", True),
        ("9:00-17:30", "2026-03-01 17:29", True),
        ("9:00-17:30", "2026-03-01 17:30", False),
        ("00:00-24:00", "2026-03-01 23:59", True),
        ("18:00-24:00", "2026-03-01 23:59", True),
        ("18:00-24:00", "2026-03-01 00:00", False),
        # The night of the change to summer time has no 02:30 in Berlin: 01:59 is followed by 03:00, at 01:00 UTC.
        ("02:30-05:00 Europe/Berlin", "2026-03-29 00:59", False),
        ("02:30-05:00 Europe/Berlin", "2026-03-29 01:00", True),
        ("02:30-05:00 Europe/Berlin", "2026-03-29 02:59", True),
        ("02:30-05:00 Europe/Berlin", "2026-03-29 03:00", False),
        # The night of the change back has 02:00 to 03:00 twice: at 00:00 and at 01:00 UTC.
        ("02:00-02:30 Europe/Berlin", "2026-10-25 00:15", True),
        ("02:00-02:30 Europe/Berlin", "2026-10-25 00:45", False),
        ("02:00-02:30 Europe/Berlin", "2026-10-25 01:15", True),
        ("02:00-02:30 Europe/Berlin", "2026-10-25 01:30", False),
    ],
)
def test_a_window_is_open_by_the_clock_on_the_wall(text: str, at: str, is_open: bool) -> None:
    assert Window.parse(text, "UTC").is_open(utc(at)) is is_open


@pytest.mark.parametrize(
    ("text", "at", "opens"),
    [
        ("22:00-06:00 Asia/Shanghai", "2026-03-01 15:00:30", "2026-03-01 15:00:30"),
        ("22:00-06:00 Asia/Shanghai", "2026-03-01 22:00", "2026-03-02 14:00"),
        ("22:00-06:00 Asia/Shanghai", "2026-03-01 13:59:59", "2026-03-01 14:00"),
        ("02:30-05:00 Europe/Berlin", "2026-03-28 12:00", "2026-03-29 01:00"),
        ("02:30-05:00 Europe/Berlin", "2026-03-29 12:00", "2026-03-30 00:30"),
        ("02:00-02:30 Europe/Berlin", "2026-10-25 00:40", "2026-10-25 01:00"),
        ("02:00-02:30 Europe/Berlin", "2026-10-25 01:40", "2026-10-26 01:00"),
        ("02:15-02:30 Europe/Berlin", "2026-03-28 12:00", "2026-03-30 00:15"),
    ],
)
def test_it_opens_at_the_first_minute_that_is_within(text: str, at: str, opens: str) -> None:
    assert opens_at([Window.parse(text, "UTC")], utc(at)) == utc(opens)


def test_two_windows_are_open_where_both_are() -> None:
    both = [NIGHT, Window.parse("16:00-18:00", "UTC")]
    assert opens_at(both, utc("2026-03-01 15:00")) == utc("2026-03-01 16:00")
    assert opens_at(both, utc("2026-03-01 18:00")) == utc("2026-03-02 16:00")
    assert opens_at([], utc("2026-03-01 15:00")) == utc("2026-03-01 15:00")


def test_windows_that_never_meet_never_open() -> None:
    assert (
        opens_at([NIGHT, Window.parse("08:00-10:00 Asia/Shanghai", "UTC")], utc("2026-03-01 15:00")) is None
    )


@pytest.mark.parametrize(
    ("texts", "at"),
    [
        (["01:30-02:30 Europe/Berlin"], "2026-10-25 00:40"),  # closed by the clock and opened by its change
        (["23:30-00:30 America/Sao_Paulo", "00:00-24:00 Pacific/Kiritimati"], "2026-06-01 12:00"),
        (["02:00-02:05 Australia/Lord_Howe"], "2026-10-02 20:00"),  # its clocks change by half an hour
        (["22:00-02:00 Asia/Kathmandu", "18:10-18:20 UTC"], "2026-03-01 18:20"),
        (["02:10-02:50 Europe/Berlin", "02:10-02:50 America/New_York"], "2026-10-24 12:00"),
        (["23:00-24:00 Pacific/Pago_Pago"], "2026-03-01 11:00"),
    ],
)
def test_an_opening_is_the_first_minute_that_a_walk_finds(texts: list[str], at: str) -> None:
    windows = [Window.parse(text, "UTC") for text in texts]
    minutes = (utc(at) + dt.timedelta(minutes=number) for number in range(3 * 24 * 60))
    found = next((each for each in minutes if all(window.is_open(each) for window in windows)), None)
    assert opens_at(windows, utc(at)) == found


def test_an_opening_is_found_without_a_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dt.datetime] = []
    is_open = Window.is_open

    def noted(window: Window, now: dt.datetime) -> bool:
        asked.append(now)
        return is_open(window, now)

    monkeypatch.setattr(Window, "is_open", noted)
    never = [Window.parse(text, "UTC") for text in ("03:21-04:00", "04:01-04:02")]
    for minute in range(60):
        assert opens_at(never, utc(f"2026-03-01 15:{minute:02}")) is None
    assert 0 < len(asked) < 60 * 2 + 100


def test_without_a_zone_it_is_the_default_one() -> None:
    assert Window.parse("22:00-06:00", "Asia/Shanghai") == NIGHT


@pytest.mark.parametrize(
    "text",
    ["", "22-6", "22:00", "25:00-06:00", "22:00-24:01", "22:60-23:00", "10:00-10:00", "22:00-06:00 Mars/Olympus",
     "22:00-06:00 ../../etc/passwd", "２２:00-06:00"],
)  # fmt: skip
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Window.parse(text, "UTC")
    with pytest.raises(ValidationError):
        check_window(text)
