"""What the benchmark of a fleet measures is what it says."""

from __future__ import annotations

import threading
import time

import pytest

from bench.fleet import driving
from imageimport.worker import leases


def test_claims_that_find_nothing_are_counted_and_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are quicker than those that get an import."""
    monkeypatch.setattr(driving, "IDLE_SECONDS", 0.001)
    monkeypatch.setattr(leases, "claim", lambda *, worker: None)
    found = driving._Found()
    worker = threading.Thread(target=driving._work, args=(found, threading.Lock(), time.monotonic() + 0.2))
    worker.start()
    worker.join(60)
    assert found.empty > 0
    assert found.claims == []
