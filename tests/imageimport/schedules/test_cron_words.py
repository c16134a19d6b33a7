"""Cron lines in words, where words say it better."""

from __future__ import annotations

import pytest
from django.utils import translation

from imageimport.schedules.cron_words import in_words


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
