"""An interrupt of make alone is handed on."""

from __future__ import annotations

import signal
from collections.abc import Callable

from testbed.portal import PortalProcess
from tests.stack.ending import gone

MakePortal = Callable[..., PortalProcess]


def test_make_run_hands_an_interrupt_on(make_portal: MakePortal) -> None:
    portal = make_portal(command=["make", "run"])
    pids = portal.pids()
    assert any("stack run" in line for line in pids.values())
    portal.stop(signal.SIGINT)  # to make alone: make itself would tell nobody
    assert gone(pids, seconds=5) == {}
