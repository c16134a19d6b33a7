"""Memory of the workers while imports read layers of a gibibyte in parts: ``python -m bench.window [--imports 10]``.

Each import has a source of its own, which brings parts as fast as they are taken, and a target that takes some
megabytes and then nothing: every window fills to its end. What is read is each process's own memory, before and at its
most.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from bench.memory import Peak
from oci.limits import MIB, READ_AHEAD_BYTES
from testbed.endless import FullTarget, RangedSource
from testbed.portal import PortalProcess

GIB: Final = 1024 * MIB
#: What one running import may add, with its part of the process that runs it: docs/scaling.md plans by it. MiB.
PROMISED: Final = 48
#: Seconds until the windows have to be full, and how long they are then looked at.
PATIENCE: Final = 300.0
LOOK: Final = 5.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.window", description=__doc__)
    parser.add_argument("--imports", type=int, default=10)
    count = parser.parse_args().imports
    with ExitStack() as stack:
        target = stack.enter_context(FullTarget())
        sources = [stack.enter_context(RangedSource(GIB + number * MIB)) for number in range(count)]
        stack.callback(target.full.set)
        portal = _portal(Path(stack.enter_context(tempfile.TemporaryDirectory())), target, count)
        portal.start(timeout=180)
        stack.callback(portal.stop)
        project = portal.project("window")
        _warm_up(portal, project, count)
        with Peak(portal) as peak:
            for number, source in enumerate(sources):
                portal.submit(project, f"{source.server_name}/big/app:v1", target_name=f"big-{number}")
            _until_full(sources)
            time.sleep(LOOK)
        print("| imports of 1 GiB | growth of one worker, MiB | of all together | promised for each |")
        print("|---|---|---|---|")
        print(f"| {count} | {peak.grown_mib:.0f} | {peak.together_mib:.0f} | {PROMISED} |")
        print(f"\nload: {', '.join(f'{each:.1f}' for each in os.getloadavg())}")


def _portal(directory: Path, target: FullTarget, count: int) -> PortalProcess:
    env = {
        "REGISTRY_URL": target.url,
        "REGISTRY_AUTH": "none",
        "IMPORT_PRIVATE_SOURCES": "127.0.0.0/8",
        "IMPORT_INSECURE_SOURCES": "127.0.0.1",
        "IMPORT_MAX_RUNNING": str(count),
        "IMPORT_MAX_RUNNING_PER_PROJECT": str(count),
        "WORKER_CONCURRENCY": str(count + 3),
    }
    return PortalProcess(directory, env)


def _warm_up(portal: PortalProcess, project: str, count: int) -> None:
    """Every process has run an import that fails at once: what it has loaded for the first one is not the window."""
    tasks = [
        portal.submit(project, "127.0.0.1:1/no/such:v1", target_name=f"warm-{each}")
        for each in range(4 * count)
    ]
    for task in tasks:
        portal.wait(project, task["id"], timeout=PATIENCE)


def _until_full(sources: list[RangedSource]) -> None:
    """Each source has sent a window of parts, and nothing more for a moment."""
    deadline, before = time.monotonic() + PATIENCE, [-1]
    while (now := [each.sent for each in sources]) != before or min(now) < READ_AHEAD_BYTES - 4 * MIB:
        assert time.monotonic() < deadline, now
        before = now
        time.sleep(2)


if __name__ == "__main__":
    main()
