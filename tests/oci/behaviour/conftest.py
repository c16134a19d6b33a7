"""Copies that read each blob over one connection, and copies that read all that they can in parts."""

from __future__ import annotations

from functools import partial

import pytest

from oci.copy import blob_copier
from oci.copy.ranges import pieces, reading_ahead
from oci.copy.ranges.reading_ahead import SharedReading
from testbed import copying

#: Parts of the small blobs of tests. Bytes.
PART = 16 * 1024


@pytest.fixture(params=[False, True], ids=["whole", "in parts"])
def in_parts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Every test of a module that uses this runs both ways; whether this is the second."""
    if not request.param:
        monkeypatch.setattr(copying, "SharedReading", partial(SharedReading, most=1))
        return False
    for module in (blob_copier, reading_ahead):
        monkeypatch.setattr(module, "RANGED_BYTES", 1)
    monkeypatch.setattr(reading_ahead, "NEAR_RANGED_BYTES", 1)
    for module in (pieces, reading_ahead):
        monkeypatch.setattr(module, "MIN_PIECE_BYTES", PART)
    monkeypatch.setattr(copying, "SharedReading", partial(SharedReading, helped=4))
    return True
