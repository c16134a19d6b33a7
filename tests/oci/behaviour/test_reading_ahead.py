"""Ten imports of layers of a gibibyte at once, each over many connections, while their target takes nothing more."""

from __future__ import annotations

import os
import threading
import time

import pytest

from bench.memory import private_kib
from oci.cancel import CancelToken
from oci.copy.ranges.reading_ahead import SharedReading
from oci.copy.worker_pool import WorkerPool
from oci.errors import Canceled
from oci.limits import MIB, READ_AHEAD_BYTES
from testbed.endless import FullTarget, RangedSource
from tests.oci.copying import copier, run

GIB = 1024 * MIB
IMPORTS = 10
#: What one running import may add to its worker: the window, buffers, threads. Bytes.
MOST = 48 * MIB
#: A machine that is busy fills the windows in its own time. Seconds.
PATIENCE = 120.0


def test_a_gibibyte_over_many_connections_takes_the_window_and_no_more() -> None:
    """What is measured is the whole process: sources, target and ten imports."""
    cancel, readings = CancelToken(), [SharedReading() for _ in range(IMPORTS)]
    with RangedSource(GIB) as source, FullTarget() as target:
        made = [
            copier(
                source,
                target,
                to=f"team/app-{n}:v1",
                cancel=cancel,
                reading_ahead=each,
                workers=WorkerPool(4),
            )
            for n, each in enumerate(readings)
        ]
        before = private_kib(os.getpid())
        threads = [threading.Thread(target=_until_canceled, args=(each,)) for each in made]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + PATIENCE
        while any(each.memory._held < READ_AHEAD_BYTES - 4 * MIB for each in readings):
            assert time.monotonic() < deadline, [each.memory._held for each in readings]
            time.sleep(0.1)
        time.sleep(1)
        grown = (private_kib(os.getpid()) - before) * 1024
        assert all(each.memory._held <= READ_AHEAD_BYTES for each in readings)
        cancel.cancel()
        target.full.set()
        for thread in threads:
            thread.join(PATIENCE)
    assert grown < IMPORTS * MOST
    assert [each.memory._held for each in readings] == [0] * IMPORTS


def _until_canceled(made: object) -> None:
    with pytest.raises(Canceled):
        run(made)  # type: ignore[arg-type]
