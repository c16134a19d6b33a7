"""A batch of many small images, against four copies at a time by other tools."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from bench import rivals
from bench.world import World
from testbed.images import random_image

IMAGES = 100
AT_A_TIME = 4
KB = 1_000
#: Seconds until a batch has to be done.
PATIENCE = 300


def batch_case(world: World, rounds: int) -> str:
    """Markdown: the portal's seconds, those of each rival, and the ratios to them."""
    push_images(world)
    runners: dict[str, Callable[[], float]] = {
        "portal": lambda: batch_seconds(world),
        "skopeo": lambda: _four_at_a_time(world, rivals.skopeo),
    }
    if os.environ.get("CRANE"):
        runners["crane"] = lambda: _four_at_a_time(world, rivals.crane)
    seconds: dict[str, list[float]] = {who: [] for who in runners}
    for _ in range(rounds):
        for who, run in runners.items():
            world.empty_target()
            seconds[who].append(run())
    own, *others = (statistics.median(each) for each in seconds.values())
    cells = [f"{IMAGES} × 3 × 0.2 MB", f"{own:.2f}", *(f"{each:.2f} | {own / each:.2f}" for each in others)]
    heads = ["batch", "portal, s"]
    heads += [f"{AT_A_TIME} {who} copy at a time, s | ÷ {who}" for who in runners if who != "portal"]
    line = "|---" * (2 + 2 * len(others)) + "|"
    return "\n".join([f"| {' | '.join(heads)} |", line, f"| {' | '.join(cells)} |"])


def push_images(world: World) -> None:
    """What :func:`batch_seconds` imports. No two images share a layer."""
    for number in range(IMAGES):
        world.push(f"batch/image-{number}", "v1", random_image([200 * KB] * 3, seed=10_000 + number))


def batch_seconds(world: World) -> float:
    """Seconds from sending the POST until the last import has succeeded."""
    project = world.portal.project("bench-batch")
    path = f"/projects/{project}/images/import/batches"
    images = [f"{world.source.host}/batch/image-{number}:v1" for number in range(IMAGES)]
    began = time.time()
    answer = world.portal.call("POST", path, {"images": images})
    assert answer.status_code == 202, answer.text
    batch = answer.json()
    while batch["completed_at"] is None:
        assert time.time() - began < PATIENCE, batch["counts"]
        time.sleep(0.5)
        batch = world.portal.call("GET", f"{path}/{batch['id']}").json()
    assert batch["counts"]["success"] == IMAGES, batch["counts"]
    return rivals.ended(batch) - began


def _four_at_a_time(world: World, copy: Callable[[World, str, str], float]) -> float:
    began = time.monotonic()
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        list(pool.map(lambda number: copy(world, f"batch/image-{number}", "v1"), range(IMAGES)))
    return time.monotonic() - began
