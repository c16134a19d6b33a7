"""Cases in which something is at the target already, or on its way."""

from __future__ import annotations

import statistics
from collections.abc import Callable

from bench import rivals
from bench.world import World
from stack.sample import Image, image_of
from testbed.images import random_image, random_layer

MB = 1_000_000


def warm_cases(world: World, rounds: int) -> str:
    """Markdown: seconds, and what moved."""
    lines = ["| warm case | portal, s | blobs read from the source |", "|---|---|---|"]
    world.empty_target()
    world.push("warm/image", "v1", random_image([10 * MB] * 6, seed=90))
    world.push("warm/image", "v2", _one_new_layer())
    rivals.portal(world, "warm/image", "v1")
    for name, run in _cases(world).items():
        seconds, reads = [], 0
        for _ in range(rounds):
            before = blob_reads(world)
            seconds.append(run())
            reads = max(reads, blob_reads(world) - before)
        lines.append(f"| {name} | {statistics.median(seconds):.2f} | {reads} |")
    world.empty_target()
    tags = [_shared(world, number) for number in range(10)]
    before = blob_reads(world)
    took = rivals.portal_many(world, "warm/shared", tags)
    lines.append(f"| ten imports that share a layer of 50 MB | {took:.2f} | {blob_reads(world) - before} |")
    return "\n".join(lines)


def _cases(world: World) -> dict[str, Callable[[], float]]:
    return {
        "an import that fails at once (the empty cycle)": lambda: rivals.empty_cycle(world),
        "a repeat of 6 × 10 MB": lambda: rivals.portal(world, "warm/image", "v1"),
        "into a second project": lambda: rivals.portal_elsewhere(world, "warm/image", "v1"),
        "one new layer of six": lambda: rivals.portal(world, "warm/image", "v2"),
    }


def _one_new_layer() -> Image:
    layers = [random_layer(10 * MB, seed=90_000 + number) for number in range(5)]
    return image_of([*layers, random_layer(10 * MB, seed=91)])


def _shared(world: World, number: int) -> str:
    shared = random_layer(50 * MB, seed=95)
    world.push("warm/shared", f"v{number}", image_of([shared, random_layer(MB, seed=960 + number)]))
    return f"v{number}"


def blob_reads(world: World) -> int:
    """GETs of blobs in the source's access log so far."""
    text = world.source.running.output()
    return sum("GET /v2/" in line and "/blobs/sha256" in line for line in text.splitlines())
