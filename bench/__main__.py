"""The whole product against other tools, in one run: ``make bench``.

    python -m bench [--rounds 5] [--cases large,many,platforms,small] [--no-engine] [--json FILE]
    python -m bench line [--rounds 3] [--rows layer,many,…] [--json FILE]

    python -m bench front [--rounds 7] [--seconds 3]

The second is over a long, thin line to the source: :mod:`bench.line`. The third is about pulls through nginx:
:mod:`bench.front`.

Each case's rivals take turns, the target is emptied before each run, and the medians are set in relation: the portal is
measured from the POST to ``success``, with its queue and its database. ``CRANE`` names a crane binary to race, too.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench import front, line, rivals
from bench.batch import batch_case
from bench.memory import Peak
from bench.warm import warm_cases
from bench.world import World
from stack.sample import Image, index_of
from testbed.images import random_image

MB = 1_000_000
PLATFORMS = ("linux/amd64", "linux/arm64", "linux/s390x", "linux/ppc64le")


def four_platforms() -> Image:
    return index_of(
        [random_image([10 * MB] * 5, seed=70 + n, platform=each) for n, each in enumerate(PLATFORMS)]
    )


CASES: dict[str, tuple[str, Callable[[], Image]]] = {
    "large": ("6 × 100 MB", lambda: random_image([100 * MB] * 6, seed=1)),
    "many": ("40 × 2 MB", lambda: random_image([2 * MB] * 40, seed=2)),
    "platforms": ("4 platforms × 5 × 10 MB", four_platforms),
    "small": ("3 × 0.5 MB", lambda: random_image([MB // 2] * 3, seed=3)),
    "large-tls": ("6 × 100 MB, source by TLS", lambda: random_image([100 * MB] * 6, seed=1)),
    "many-tls": ("40 × 2 MB, source by TLS", lambda: random_image([2 * MB] * 40, seed=2)),
}
#: Cases whose source is asked by TLS, as real sources are.
SECURE = {"large-tls", "many-tls"}


@dataclass
class Row:
    """One case: the seconds of every run, by rival."""

    name: str
    seconds: dict[str, list[float]] = field(default_factory=dict)
    peak_mib: float = 0.0

    def median(self, rival: str) -> float:
        return statistics.median(self.seconds[rival])


def race(world: World, name: str, rounds: int) -> Row:
    """Run one case."""
    title, make = CASES[name]
    image = make()
    repository = f"bench/{name}"
    world.push(repository, "v1", image)
    source = world.secure_source.host if name in SECURE else world.source.host
    runners: dict[str, Callable[[], float]] = {
        "portal": lambda: rivals.portal(world, repository, "v1", source),
        "skopeo": lambda: rivals.skopeo(world, repository, "v1", source),
        "floor": lambda: rivals.floor(world, image, repository),
    }
    if os.environ.get("CRANE"):
        runners["crane"] = lambda: rivals.crane(world, repository, "v1", source)
    if world.engine is not None and name not in {"platforms", *SECURE}:
        runners["docker"] = lambda: rivals.docker(world, repository, "v1")
    row = Row(title, {rival: [] for rival in runners})
    # Looking at a process's memory stops it for moments: in a run of its own.
    world.empty_target()
    with Peak(world.portal) as peak:
        runners["portal"]()
    for _ in range(rounds):
        for rival, run in runners.items():
            world.empty_target()
            row.seconds[rival].append(run())
    row.peak_mib = peak.grown_mib
    return row


def table(rows: list[Row]) -> str:
    """Markdown: seconds of the portal, and the portal's ratio to each rival."""
    lines = [
        "| image | portal, s | ÷ skopeo | ÷ crane | ÷ docker pull, tag, push | ÷ floor | worker's growth, MiB |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        own = row.median("portal")
        ratios = [
            f"{own / row.median(rival):.2f}" if row.seconds.get(rival) else "–"
            for rival in ("skopeo", "crane", "docker", "floor")
        ]
        lines.append(f"| {row.name} | {own:.2f} | {' | '.join(ratios)} | {row.peak_mib:.0f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--no-engine", action="store_true", help="without docker pull, tag, push")
    parser.add_argument(
        "--no-warm", action="store_true", help="without the cases that find something at the target"
    )
    parser.add_argument("--no-batch", action="store_true", help="without the batch of small images")
    parser.add_argument("--json", type=Path, help="also write every run's seconds there")
    options = parser.parse_args()
    with World(engine=not options.no_engine) as world:
        rows = [race(world, name, options.rounds) for name in options.cases.split(",") if name]
        print(table(rows), flush=True)
        if not options.no_batch:
            print()
            print(batch_case(world, options.rounds), flush=True)
        if not options.no_warm:
            print()
            print(warm_cases(world, options.rounds), flush=True)
    if options.json:
        options.json.write_text(
            json.dumps({row.name: row.seconds for row in rows}, indent=1), encoding="utf-8"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["line"]:
        line.main(sys.argv[2:])
    elif sys.argv[1:2] == ["front"]:
        front.main(sys.argv[2:])
    else:
        main()
