"""Runs as a process of its own: one import of a worker that reads as fast as bandwidth bounds let it.

``python -m tests.support.paced REDIS_URL INSTALLATION PROJECT RATE BYTES`` says ``ready``, waits for a line, reads so
many bytes and prints a line of JSON: ``bytes``, ``ended`` by Redis' clock, and ``longest``, the longest wait it was
told (all in seconds). Rates are bytes a second.
"""

from __future__ import annotations

import json
import sys
from uuid import UUID

from django.conf import settings

from imageimport.registries import bandwidth, shared_redis
from oci.cancel import CancelToken

#: Of one read, as an import's.
READ_BYTES = 64 * 1024


class Noting(CancelToken):
    """Waits, and keeps how long the longest wait was to be."""

    def __init__(self) -> None:
        super().__init__()
        self.longest = 0.0

    def wait(self, seconds: float) -> None:
        self.longest = max(self.longest, seconds)
        super().wait(seconds)


def main(redis_url: str, installation: int, project: UUID, rate: int, amount: int) -> None:
    """Print what came of it."""
    settings.configure(REDIS_URL=redis_url, IMPORT_BANDWIDTH=installation)
    noting = Noting()
    pace = bandwidth.SharedBandwidth(project, rate, noting)
    shared_redis.client().ping()
    print("ready", flush=True)
    sys.stdin.readline()
    taken = 0
    while taken < amount:
        taken += pace.take(min(READ_BYTES, amount - taken))
    print(json.dumps({"bytes": taken, "ended": redis_now(shared_redis.client()), "longest": noting.longest}))


def redis_now(client: object) -> float:
    """Seconds by the clock that the buckets go by."""
    seconds, micros = client.time()  # type: ignore[attr-defined]
    return float(seconds) + float(micros) / 1_000_000


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), UUID(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
