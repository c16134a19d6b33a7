"""A set whose members leave after a while."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from oci.expiring import ExpiringSet


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in seconds, to be moved on."""
    now = [1000.0]
    monkeypatch.setattr("oci.expiring.time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def test_a_member_leaves_after_its_time_and_stays_longer_when_it_is_added_again(clock: list[float]) -> None:
    found = ExpiringSet[str](10.0)
    found.add("a")
    clock[0] += 9
    assert "a" in found
    found.add("a")
    clock[0] += 9
    assert "a" in found
    clock[0] += 2
    assert "a" not in found


def test_what_has_left_takes_no_memory_once_another_comes(clock: list[float]) -> None:
    found = ExpiringSet[int](10.0)
    for number in range(100):
        found.add(number)
    clock[0] += 11
    found.add(100)
    assert len(found._until) == 1
