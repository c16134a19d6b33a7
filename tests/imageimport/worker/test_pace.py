"""An import that moves too little is slow, over the whole time that it had."""

from __future__ import annotations

from typing import Any

import pytest

from imageimport.worker.pace import Pace

pytestmark = pytest.mark.django_db


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_slow_is_who_moves_too_little_over_the_whole_time(settings: Any) -> None:
    clock = Clock()
    pace = Pace(gave_way=0, clock=clock)
    moved, least, seconds = 0, settings.IMPORT_SLOW_BYTES, settings.IMPORT_SLOW_SECONDS
    for _ in range(seconds - 1):
        clock.now += 1
        assert not pace.is_slow(moved), "not before the time is over"
    clock.now += 1
    assert pace.is_slow(moved)
    for _ in range(seconds):
        clock.now += 1
        moved += 2 * least
        pace.is_slow(moved)
    assert not pace.is_slow(moved)
    for _ in range(seconds // 3):
        clock.now += 1
        assert not pace.is_slow(moved), "what it did before counts as well"
    for _ in range(seconds):
        clock.now += 1
        pace.is_slow(moved)
    assert pace.is_slow(moved)


def test_what_gave_way_before_is_given_twice_the_time(settings: Any) -> None:
    clock = Clock()
    pace = Pace(gave_way=2, clock=clock)
    clock.now += 4 * settings.IMPORT_SLOW_SECONDS - 1
    assert not pace.is_slow(0)
    clock.now += 1
    assert pace.is_slow(0)
