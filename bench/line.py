"""Imports over a long, thin line: ``python -m bench line [--rounds 3] [--rows layer,small,…] [--connections 16]
[--picture docs/pictures]``.

The source is behind a line of :mod:`bench.thin_line`: a round trip of R, b bytes a second for each connection, B
for all of them, two round trips to open one. The target is near. Each run has a line and a project of its own, so
nothing is remembered of an earlier one but in the row of the repeat; the portal is measured from the POST to
``success``, and ``CRANE`` names a crane binary to race, too.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench import arrival, rivals
from bench.thin_line import Line, ThinLine
from bench.world import World
from stack.sample import Image
from testbed.images import random_image

KB, MB = 1_000, 1_000_000
#: Images of the batch, and how many a rival copies at a time; the portal runs eight.
IMAGES, AT_A_TIME, RUNNING = 20, 4, 8
#: Seconds until anything has to be done.
PATIENCE = 300
HEAD = "| over the line | portal, s | crane, s | skopeo, s | ÷ the best of them |\n|---|---|---|---|---|"


@dataclass(frozen=True)
class Case:
    """A row: what is copied over which line. Several images are a batch."""

    title: str
    line: Line
    images: tuple[Image, ...]
    rivals: tuple[str, ...] = ("crane", "skopeo")
    repeats: bool = False


@dataclass
class Row:
    """Seconds of every run, by who ran; None for a rival that failed."""

    title: str
    seconds: dict[str, list[float | None]] = field(default_factory=dict)
    attempts: int = 1
    connections: int = 0

    def median(self, who: str) -> float | None:
        done = [each for each in self.seconds.get(who, []) if each is not None]
        return statistics.median(done) if done else None

    def shown(self, who: str) -> str:
        median = self.median(who)
        return f"{median:.2f}" if median is not None else "fails" if self.seconds.get(who) else "–"

    def __str__(self) -> str:
        own = self.median("portal")
        others = [each for who in ("crane", "skopeo") if (each := self.median(who)) is not None]
        ratio = f"{own / min(others):.2f}" if own and others else "–"
        tries = f" ({self.attempts} attempts)" if self.attempts > 1 else ""
        return (
            f"| {self.title} | {self.shown('portal')}{tries} | {self.shown('crane')} | {self.shown('skopeo')} "
            f"| {ratio} |"
        )


def cases(slower: float = 1.0) -> dict[str, Case]:
    """By name, as ``--rows`` takes them.

    :param slower: as many times as long is a round trip, and as many bytes fewer come a second.
    """
    rates = (3 * MB / slower, 24 * MB / slower)
    thin, far = Line(0.1 * slower, *rates), Line(0.2 * slower, *rates)
    near, broken = Line(0.05 * slower, *rates), Line(0.05 * slower, *rates, cut=(3 * MB, 9 * MB))
    small = tuple(random_image([300 * KB] * 3, seed=40_000 + number) for number in range(IMAGES))
    forty = (random_image([40 * MB], seed=41),)
    return {
        "layer": Case("one layer of 48 MB; R 100 ms", thin, (random_image([48 * MB], seed=42),)),
        "many": Case("40 layers of 0.1 MB; R 200 ms", far, (random_image([100 * KB] * 40, seed=43),)),
        "small": Case("3 layers of 0.3 MB; R 200 ms", far, small[:1]),
        "batch": Case(f"batch of {IMAGES} such images; R 200 ms", far, small, rivals=("crane",)),
        "repeat": Case("repeat of a finished import; R 200 ms", far, small[:1], rivals=(), repeats=True),
        "whole": Case("one layer of 40 MB; R 50 ms", near, forty),
        "broken": Case("the same, each connection ends after 3–9 MB", broken, forty),
    }


def race(world: World, name: str, case: Case, rounds: int) -> Row:
    """Run one row, the rivals in turns."""
    repositories = [f"line/{name}-{number}" for number in range(len(case.images))]
    for repository, image in zip(repositories, case.images, strict=True):
        world.push(repository, "v1", image)
    row = Row(case.title, {"portal": []})
    rivals_here = [who for who in case.rivals if who != "crane" or os.environ.get("CRANE")]
    for number in range(rounds):
        with _line(world, case, number) as line:
            project = world.portal.project(f"line-{name}-{number}")
            if case.repeats:
                _portal(world, line, project, repositories, row)
            row.seconds["portal"].append(_portal(world, line, project, repositories, row))
            row.connections = max(row.connections, line.connections)
        for who in rivals_here:
            with _line(world, case, number) as line:
                row.seconds.setdefault(who, []).append(_rival(world, who, line, repositories))
    return row


@contextmanager
def _line(world: World, case: Case, number: int) -> Iterator[ThinLine]:
    world.empty_target()
    with ThinLine(world.source.host, case.line, seed=number) as line:
        yield line


def _portal(world: World, line: ThinLine, project: str, repositories: list[str], row: Row) -> float | None:
    """One import, or a batch of many; None where it fails."""
    began = time.time()
    if len(repositories) > 1:
        return _batch(world, project, [f"{line.host}/{each}:v1" for each in repositories])
    task = world.portal.submit(project, f"{line.host}/{repositories[0]}:v1", target_name=repositories[0])
    done = world.portal.wait(project, task["id"], timeout=PATIENCE, every=rivals.LOOK_SECONDS)
    row.attempts = max(row.attempts, done["attempts"])
    return rivals.ended(done) - began if done["status"] == "success" else None


def draw(world: World, case: Case, directory: Path) -> None:
    """How the layer arrives, in one more run."""
    world.push("line/picture", "v1", case.images[0])
    project = world.portal.project("line-picture")
    with _line(world, case, 0) as line:
        began = time.monotonic()
        _portal(world, line, project, ["line/picture"], Row(case.title))
    arrival.write(directory, line.arrivals, case.line, began)


def _warm_up(world: World) -> None:
    """A portal that has just come up has its workers still to start."""
    world.push("line/warm", "v1", random_image([KB], seed=1))
    world.portal.run_import(world.portal.project("bench-line"), f"{world.source.host}/line/warm:v1")


def _batch(world: World, project: str, images: list[str]) -> float:
    path, began = f"/projects/{project}/images/import/batches", time.time()
    batch = world.portal.call("POST", path, {"images": images}).json()
    while batch["completed_at"] is None:
        assert time.time() - began < PATIENCE, batch["counts"]
        time.sleep(rivals.LOOK_SECONDS)
        batch = world.portal.call("GET", f"{path}/{batch['id']}").json()
    assert batch["counts"]["success"] == len(images), batch["counts"]
    return rivals.ended(batch) - began


def _rival(world: World, who: str, line: ThinLine, repositories: list[str]) -> float | None:
    """Seconds; None where it gives up."""
    copy: Callable[[World, str, str, str], float] = {"crane": rivals.crane, "skopeo": rivals.skopeo}[who]
    began = time.monotonic()
    try:
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            list(pool.map(lambda repository: copy(world, repository, "v1", line.host), repositories))
    except subprocess.CalledProcessError:
        return None
    return time.monotonic() - began


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench line", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", default=",".join(cases()))
    parser.add_argument(
        "--slower", type=float, default=1.0, help="a line as many times as slow as the rows say"
    )
    parser.add_argument("--connections", type=int, default=16, help="IMPORT_SOURCE_CONNECTIONS of the portal")
    parser.add_argument("--picture", type=Path, help="draw there how the layer of the first row arrives")
    parser.add_argument("--json", type=Path, help="also write every run's seconds there")
    options = parser.parse_args(arguments)
    known = cases(options.slower)
    env = {
        "IMPORT_MAX_RUNNING": str(RUNNING),
        "IMPORT_MAX_RUNNING_PER_PROJECT": str(RUNNING),
        "IMPORT_SOURCE_CONNECTIONS": str(options.connections),
    }
    rows = []
    print(HEAD, flush=True)
    with World(engine=False, env=env) as world:
        _warm_up(world)
        for name in options.rows.split(","):
            rows.append(race(world, name, known[name], options.rounds))
            print(rows[-1], flush=True)
        if options.picture:
            draw(world, known["layer"], options.picture)
    print(f"\nload: {', '.join(f'{each:.1f}' for each in os.getloadavg())}")
    if options.json:
        found = {
            row.title: {**row.seconds, "attempts": row.attempts, "connections": row.connections}
            for row in rows
        }
        options.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
