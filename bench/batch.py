"""A batch of many small images, against four ``skopeo copy`` at a time."""

from __future__ import annotations

import statistics
import time
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
    """Markdown: seconds of both, and their ratio."""
    push_images(world)
    portal, skopeo = [], []
    for _ in range(rounds):
        world.empty_target()
        portal.append(batch_seconds(world))
        world.empty_target()
        skopeo.append(_skopeo(world))
    own, other = statistics.median(portal), statistics.median(skopeo)
    return "\n".join(
        [
            f"| batch | portal, s | {AT_A_TIME} skopeo copy at a time, s | ÷ skopeo |",
            "|---|---|---|---|",
            f"| {IMAGES} × 3 × 0.2 MB | {own:.2f} | {other:.2f} | {own / other:.2f} |",
        ]
    )


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


def _skopeo(world: World) -> float:
    began = time.monotonic()
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        list(pool.map(lambda number: rivals.skopeo(world, f"batch/image-{number}", "v1"), range(IMAGES)))
    return time.monotonic() - began
