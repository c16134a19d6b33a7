"""How true a bound of bytes a second is, over whole imports: ``python -m bench.bandwidth [--workers 1,2,3]``.

Four imports run through the whole portal with one, two and three workers, under a bound of 10 MB/s for their project.
Rows: bytes a second over twenty seconds; what came in the seconds after the bound was changed to 4 MB/s, from the
second one on; the same with Redis standing still. Ends with 1 where one is more than a tenth off, or more than the
bound with Redis away.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final

from bench.world import World
from stack.services.portal import worker_service
from testbed.images import random_image
from testbed.portal import PortalProcess
from testbed.processes import Running
from testbed.tcp_proxy import TcpProxy

MB: Final = 1_000_000
RATE, LOWER = 10 * MB, 4 * MB
IMPORTS: Final = 4
SECONDS, AFTER, WITHIN = 20.0, 8.0, 2.0
#: Of each image; enough for all phases at the full rate.
LAYER: Final = 100 * MB


@dataclass
class Found:
    """Bytes a second, in each phase."""

    workers: int
    whole: float = 0.0
    changed: float = 0.0
    without_redis: float = 0.0

    def __str__(self) -> str:
        rates = (self.whole, self.changed, self.without_redis)
        return f"| {self.workers} | {' | '.join(f'{rate / MB:.2f}' for rate in rates)} |"

    @property
    def is_true(self) -> bool:
        off = max(abs(self.whole / RATE - 1), abs(self.changed / LOWER - 1))
        return off <= 0.1 and 0 < self.without_redis <= 1.1 * LOWER


class Imports:
    """The imports of one project."""

    def __init__(self, portal: PortalProcess, name: str, line: TcpProxy) -> None:
        self._portal = portal
        self._line = line
        self.project = portal.project(name)

    def bound(self, rate: int | None) -> None:
        answer = self._portal.call("PATCH", f"/projects/{self.project}", {"bandwidth": rate})
        assert answer.status_code == 200, answer.text

    def begin(self, images: list[str]) -> None:
        for number, image in enumerate(images):
            self._portal.submit(self.project, image, target_name=f"app-{number}")
        self._until(lambda tasks: all(task["bytes_done"] for task in tasks))

    def rate(self, seconds: float) -> float:
        """Bytes a second that come from the source from now on."""
        since, before = time.monotonic(), self._line.counters.down
        time.sleep(seconds)
        return (self._line.counters.down - before) / (time.monotonic() - since)

    def end(self) -> None:
        self.bound(None)
        self._until(lambda tasks: all(task["status"] == "success" for task in tasks))

    def _tasks(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._portal.call(
            "GET", f"/projects/{self.project}/images/import"
        ).json()["results"]
        return found

    def _until(self, is_so: Any) -> None:
        until = time.monotonic() + 120
        while not is_so(tasks := self._tasks()):
            assert time.monotonic() < until, tasks
            assert not any(task["error"] for task in tasks), tasks
            time.sleep(0.2)


@contextmanager
def more_workers(world: World, count: int) -> Iterator[None]:
    """So many beside the portal's own."""
    with ExitStack() as stack:
        for number in range(count):
            spec = worker_service(env=world.portal.environment())
            stack.enter_context(Running(spec, world.portal.data_dir / f"worker-{number}.log").start())
        if count:
            time.sleep(8)  # until they take tasks
        yield


def measure(world: World, line: TcpProxy, images: list[str], workers: int) -> Found:
    """Run one row."""
    world.empty_target()
    found = Found(workers)
    imports = Imports(world.portal, f"bench-{workers}", line)
    redis = world.portal.main_pid("redis-server")
    with more_workers(world, workers - 1):
        imports.bound(RATE)
        imports.begin(images)
        time.sleep(WITHIN)
        found.whole = imports.rate(SECONDS)
        imports.bound(LOWER)
        time.sleep(WITHIN)
        found.changed = imports.rate(AFTER)
        os.kill(redis, signal.SIGSTOP)
        try:
            time.sleep(WITHIN)
            found.without_redis = imports.rate(AFTER)
        finally:
            os.kill(redis, signal.SIGCONT)
        imports.end()
    return found


def _line(world: World) -> TcpProxy:
    """Before the source, to count what comes from it."""
    host, _, port = world.source.host.rpartition(":")
    return TcpProxy((host, int(port)))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", default="1,2,3")
    options = parser.parse_args()
    limits = {"IMPORT_MAX_RUNNING": "8", "IMPORT_MAX_RUNNING_PER_PROJECT": str(IMPORTS)}
    print(
        "| workers | of 10 MB/s | of 4 MB/s, 2 s after the change | of 4 MB/s, Redis away |\n|---|---|---|---|"
    )
    rows = []
    with World(engine=False, env=limits) as world, _line(world) as line:
        images = []
        for number in range(IMPORTS):
            world.push(f"bandwidth/app-{number}", "1", random_image([LAYER], seed=700 + number))
            images.append(f"{line.address}/bandwidth/app-{number}:1")
        for workers in map(int, options.workers.split(",")):
            rows.append(measure(world, line, images, workers))
            print(rows[-1], flush=True)
    print(f"\nload: {', '.join(f'{each:.1f}' for each in os.getloadavg())}")
    return 0 if all(row.is_true for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
