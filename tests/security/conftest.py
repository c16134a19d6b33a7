"""The whole import pipeline in this process, between scripted registries; every test begins without memories."""

from __future__ import annotations

import pytest

from imageimport import hints
from imageimport.transports import registry as registry_transport
from oci.observer import LocalFlights
from tests.imageimport.conftest import fresh_memory, source, target, work

__all__ = ["fresh_memory", "source", "target", "work"]


@pytest.fixture
def redis_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither hints nor shared transfers are asked of Redis: a test that watches connections sees those of imports."""
    monkeypatch.setattr(hints, "after_commit", lambda: None)
    monkeypatch.setattr(registry_transport, "SharedFlights", LocalFlights)
