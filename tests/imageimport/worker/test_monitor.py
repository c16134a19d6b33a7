"""What a bandwidth bound of ours holds back has not stalled; and a changed bound is obeyed in time."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from imageimport.registries.bandwidth import LOOK_AGAIN, SharedBandwidth
from imageimport.worker import leases
from imageimport.worker.monitor import GRACE_SECONDS, LOOK_AT_PROJECT, TICK_SECONDS, Monitor
from imageimport.worker.progress import Progress
from oci.cancel import CancelToken
from projects.models import Project
from tests.support.factories import ProjectFactory, TaskFactory

pytestmark = pytest.mark.django_db
#: Seconds from a change of the project's bound until reads obey it.
OBEYED_WITHIN = 2.0


class Clock:
    """Monotonic, and moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 10_000.0
        monkeypatch.setattr("time.monotonic", lambda: self.now)


class Waits(CancelToken):
    """Its waits pass in no time, on the clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self.meanwhile: Callable[[], None] = lambda: None

    def wait(self, seconds: float) -> None:
        self._clock.now += seconds
        self.meanwhile()
        self.check()


class Bounded(SharedBandwidth):
    """Grants after so many seconds."""

    def __init__(self, clock: Clock, cancel: CancelToken, seconds: float) -> None:
        super().__init__(uuid.uuid4(), 1000, cancel)
        self._clock, self._from = clock, clock.now + seconds

    def _ask(self, rates: dict[str, int], wanted: int) -> tuple[int, float]:
        return (wanted, 0.0) if self._clock.now >= self._from else (0, 10.0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def begin(clock: Clock, seconds: float) -> tuple[Monitor, Bounded, Waits]:
    """An import that runs, and its reads: they wait so long."""
    TaskFactory(project=ProjectFactory(bandwidth=1000))
    lease = leases.claim(worker="test:1")
    assert lease is not None
    cancel = Waits(clock)
    pace = Bounded(clock, cancel, seconds)
    return Monitor(lease=lease, progress=Progress(lease), cancel=cancel, pace=pace), pace, cancel


def test_an_import_that_our_own_bound_holds_back_keeps_its_lease(settings: Any, clock: Clock) -> None:
    silence = settings.IMPORT_STALL_SECONDS + GRACE_SECONDS + 1
    monitor, pace, cancel = begin(clock, 2 * silence)
    least: list[float] = []

    def meanwhile() -> None:
        monitor._write()
        least.append(monitor.lease_seconds_left)

    cancel.meanwhile = meanwhile
    pace.take(1000)
    assert min(least) > 0
    clock.now += settings.IMPORT_LEASE_SECONDS + silence
    monitor._write()
    assert monitor.lease_seconds_left <= 0, "a source that says nothing for so long has stalled"


def test_a_changed_bound_is_obeyed_in_the_middle_of_a_wait(settings: Any, clock: Clock) -> None:
    settings.IMPORT_BANDWIDTH = None
    monitor, pace, cancel = begin(clock, 60)
    changed_at: list[float] = []

    def meanwhile() -> None:
        monitor._tick()
        if not changed_at:  # right behind a look at it
            changed_at.append(clock.now)
            Project.objects.update(bandwidth=None)

    cancel.meanwhile = meanwhile
    assert pace.take(500_000) == 500_000
    assert 0 < clock.now - changed_at[0] <= OBEYED_WITHIN
    assert LOOK_AT_PROJECT + TICK_SECONDS + LOOK_AGAIN <= OBEYED_WITHIN, "in the worst case"
