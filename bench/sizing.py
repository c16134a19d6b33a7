"""What one machine carries, for docs/scaling.md: ``python -m bench.sizing [--postgres | --sessions]``.

Submissions and polls while four imports run, imports a second of small images, and the memory of each process. Nothing
else should run on the machine: these are times of a clock, not ratios.

With ``--sessions``: how many sessions of PostgreSQL the portal holds, with four and with ten imports running.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from bench import sessions
from bench.batch import IMAGES, batch_seconds, push_images
from bench.keepalive import Answers, ask_for
from bench.world import World
from testbed.crawl import signed_in
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry
from testbed.services import PostgresServer, start_postgres
from testbed.throttle import Throttle

RUNNING: Final = 4
#: Imports at once, where sessions are counted.
MANY: Final = (4, 10)
SUBMISSIONS: Final = 200
#: Clients that poll at once, each on a connection of its own, and for how long. Seconds.
CLIENTS: Final = 8
SECONDS: Final = 6.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.sizing", description=__doc__)
    parser.add_argument("--postgres", action="store_true", help="with PostgreSQL instead of SQLite")
    parser.add_argument("--sessions", action="store_true", help="count PostgreSQL's sessions instead")
    options = parser.parse_args()
    if options.sessions:
        _sessions()
        return
    with ExitStack() as stack:
        env = {"WEB_CONCURRENCY": "2", "IMPORT_MAX_RUNNING": str(RUNNING)}
        if options.postgres:
            env["DATABASE_URL"] = stack.enter_context(_postgres()).url()
        world = stack.enter_context(World(engine=False, env=env))
        source = stack.enter_context(ScriptedRegistry())
        rows = [*_memory(world, "at rest")]
        with _slow_imports(world, source, RUNNING) as tasks:
            rows += [*_submissions(world, source), *_polls(world, tasks)]
        rows += [*_imports(world), *_memory(world, "afterwards")]
    print("| measured | value |\n|---|---|")
    print("\n".join(f"| {name} | {value} |" for name, value in rows))


@contextmanager
def _postgres() -> Iterator[PostgresServer]:
    with tempfile.TemporaryDirectory(prefix="portal-sizing-") as directory:
        server = start_postgres(Path(directory) / "postgres")
        try:
            yield server
        finally:
            server.running.stop()


def _sessions() -> None:
    print(sessions.HEAD)
    for running in MANY:
        env = {
            "WEB_CONCURRENCY": "2",
            "IMPORT_MAX_RUNNING": str(running),
            "IMPORT_MAX_RUNNING_PER_PROJECT": str(running),
        }
        with ExitStack() as stack:
            server = stack.enter_context(_postgres())
            source = stack.enter_context(ScriptedRegistry())
            world = stack.enter_context(World(engine=False, env={**env, "DATABASE_URL": server.url()}))
            with _slow_imports(world, source, running) as tasks:
                print(sessions.busy(world, server, tasks), flush=True)
            for row in sessions.ending(world, server, running):
                print(row, flush=True)


@contextmanager
def _slow_imports(world: World, source: ScriptedRegistry, running: int) -> Iterator[list[str]]:
    """Imports that take every place and move a little all the while."""
    project, throttles, tasks = world.portal.project("slow"), [], []
    for number in range(running):
        image = random_image([50_000_000], seed=number)
        source.add_image(f"slow/{number}", "1", image)
        throttle = Throttle(200_000)
        source.rule("GET", f"/blobs/{image.blobs[-1].digest}", throttle)
        throttles.append(throttle)
        tasks.append(world.portal.submit(project, f"{source.server_name}/slow/{number}:1")["id"])
    while not all(world.portal.task(project, task)["bytes_done"] for task in tasks):
        time.sleep(0.1)
    yield tasks
    for throttle in throttles:
        throttle.release()
    for task in tasks:
        world.portal.wait(project, task)


def _submissions(world: World, source: ScriptedRegistry) -> Iterator[tuple[str, str]]:
    """One after the other, as people do; they wait, since every place is taken."""
    project = world.portal.project("waiting")
    source.add_image("waiting/app", "1", random_image([1000], seed=99))
    path = f"/api/v1/projects/{project}/images/import"
    bodies = [
        json.dumps({"image_url": f"{source.server_name}/waiting/app:1", "target_tag": f"v{number}"}).encode()
        for number in range(SUBMISSIONS)
    ]
    found = ask_for(world.portal.url, path, world.portal.token, bodies=bodies)
    assert found.statuses == {202}, found.statuses
    yield "a submission, median", f"{statistics.median(found.milliseconds):.0f} ms"
    yield "a submission, the slowest of twenty", f"{_percentile(found.milliseconds, 95):.0f} ms"


def _polls(world: World, tasks: list[str]) -> Iterator[tuple[str, str]]:
    project = world.portal.project("slow")
    cookie = signed_in(world.portal).cookies.get("sessionid") or ""
    for name, path, token in (
        (
            "polls of an import, API",
            f"/api/v1/projects/{project}/images/import/{tasks[0]}",
            world.portal.token,
        ),
        ("polls of an import, page", f"/projects/slow/imports/{tasks[0]}/live/", f"sessionid={cookie}"),
        ("polls of the project page", "/projects/slow/imports/live/", f"sessionid={cookie}"),
    ):
        with multiprocessing.get_context("spawn").Pool(CLIENTS) as pool:
            jobs = [(world.portal.url, path, token, SECONDS)] * CLIENTS
            found: list[Answers] = pool.starmap(_poll, jobs)
        assert set().union(*(each.statuses for each in found)) == {200}
        rate = sum(len(each.milliseconds) / each.seconds for each in found)
        slow = _percentile([ms for each in found for ms in each.milliseconds], 95)
        yield name, f"{rate:.0f} a second, the slowest of twenty {slow:.0f} ms"


def _poll(url: str, path: str, token: str, seconds: float) -> Answers:
    return ask_for(url, path, token, seconds=seconds)


def _imports(world: World) -> Iterator[tuple[str, str]]:
    push_images(world)
    while any(world.portal.call("GET", f"/projects/{project}/images/import?status=pending").json()["results"]
              for project in (world.portal.project("waiting"),)):  # fmt: skip
        time.sleep(0.5)
    seconds = batch_seconds(world)
    yield f"imports of 3 × 0.2 MB, {RUNNING} at a time", f"{IMAGES / seconds:.1f} a second"


def _memory(world: World, when: str) -> Iterator[tuple[str, str]]:
    """Proportional shares: what a process adds, code that it shares counted once among all."""
    for name, part in (
        ("web processes", "gunicorn"),
        ("worker", "registry_portal worker"),
        ("beat", "registry_portal beat"),
    ):
        found = [_pss_mib(pid) for pid in world.portal.pids(part)]
        yield f"memory of {name}, {when}", f"{sum(found):.0f} MiB in {len(found)} processes"


def _pss_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _percentile(found: list[Any], percent: int) -> float:
    return float(statistics.quantiles(found, n=100)[percent - 1])


if __name__ == "__main__":
    main()
