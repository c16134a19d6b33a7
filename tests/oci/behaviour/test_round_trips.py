"""What does not depend on one another is asked beside one another: on a long line each round trip in a row is felt."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from oci.copy.worker_pool import WorkerPool
from oci.errors import OciError
from oci.http.pool import IdleConnections
from stack.sample import index_of
from testbed.images import random_image
from testbed.scripted_http import Reply, Request
from testbed.scripted_registry import Act, ScriptedRegistry
from tests.oci.copying import copier, run

IMAGE = random_image([3_000, 4_000, 5_000], seed=81)
#: A broken promise shows as an answer that is never given, seconds.
PATIENCE = 60.0


class Together:
    """Answers none of its requests before so many of them are there."""

    def __init__(self, count: int) -> None:
        self._barrier = threading.Barrier(count)

    def __call__(self, _request: Request, proceed: Callable[[], Reply]) -> Reply:
        try:
            self._barrier.wait(PATIENCE)
        except threading.BrokenBarrierError:
            return Reply(400)
        return proceed()


def after(source: ScriptedRegistry, method: str, part: str, count: int = 1) -> Act:
    """Answers once ``count`` other requests have come."""

    def answer(_request: Request, proceed: Callable[[], Reply]) -> Reply:
        deadline = time.monotonic() + PATIENCE
        while len(source.seen(method, part)) < count:
            if time.monotonic() > deadline:
                return Reply(400)
            time.sleep(0.005)
        return proceed()

    return answer


def pool(size: int = 16) -> WorkerPool:
    return WorkerPool(size)


def test_what_is_attached_is_asked_for_beside_the_manifest(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    """Cosign's three tags, the referrers API, and the tag that stands in for it."""
    source.add_image("library/app", "v1", IMAGE)
    source.rule("GET", f"/manifests/{IMAGE.digest}", after(source, "HEAD", "/manifests/sha256-", 4))
    source.rule("GET", f"/manifests/{IMAGE.digest}", after(source, "GET", "/referrers/"))
    assert run(copier(source, target, workers=pool())).image.digest == IMAGE.digest


def test_what_a_new_repository_gets_costs_its_source_one_question_for_the_manifest(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    assert run(copier(source, target, workers=pool(), target_is_new=True)).source_digest == IMAGE.digest
    assert not source.seen("HEAD", "/manifests/v1")
    assert len(source.seen("GET", "/manifests/")) == len(source.seen("GET", "/manifests/v1")) == 1


def test_children_and_what_is_attached_to_them_are_asked_for_together(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    children = [
        random_image([1_000], seed=82 + n, platform=f"linux/{each}")
        for n, each in enumerate(("amd64", "arm64"))
    ]
    index = index_of(children)
    source.add_image("library/app", "v1", index)
    for child in children:
        tag = child.digest.replace(":", "-")
        source.rule("GET", f"/manifests/{child.digest}", after(source, "HEAD", f"/manifests/{tag}", 3))
    assert run(copier(source, target, workers=pool())).image.digest == index.digest


def test_a_repetition_asks_everything_at_once(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", IMAGE)
    run(copier(source, target, workers=pool()))
    source.requests.clear()
    source.rule("HEAD", "/manifests/v1", after(source, "HEAD", "/manifests/sha256-", 3))
    source.rule("HEAD", "/manifests/v1", after(source, "GET", "/referrers/"))
    assert run(copier(source, target, workers=pool())).image.digest == IMAGE.digest
    assert source.seen("GET", "/blobs/") == source.seen("GET", "/manifests/") == []


def test_a_tag_that_moved_is_seen_although_another_digest_was_guessed(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    run(copier(source, target, workers=pool()))
    other = random_image([2_000], seed=89)
    source.add_image("library/app", "v1", other)
    assert run(copier(source, target, workers=pool())).image.digest == other.digest


def test_configuration_and_layers_come_together(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", IMAGE)
    source.rule("GET", "/blobs/", Together(len(IMAGE.blobs)))
    assert run(copier(source, target, workers=pool())).image.platforms == ("linux/amd64",)
    assert len(source.seen("GET", "/blobs/")) == len(IMAGE.blobs), "each once"


def test_small_blobs_are_read_ahead_of_their_turn_at_the_target(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    """Twelve from the source at a time, two at the target."""
    image = random_image([2_000 + n for n in range(12)], seed=90)
    source.add_image("library/app", "v1", image)
    layers = [each.digest for each in image.blobs[1:]]
    together = Together(len(layers))
    for digest in layers:
        source.rule("GET", f"/blobs/{digest}", together)
    inside, most, lock = 0, 0, threading.Lock()

    def counted(_request: Request, proceed: Callable[[], Reply]) -> Reply:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        time.sleep(0.02)
        with lock:
            inside -= 1
        return proceed()

    target.rule("PUT", "/blobs/uploads/", counted)
    assert run(copier(source, target, parallel=2, workers=pool())).image.digest == image.digest
    assert 0 < most <= 2


def test_connections_are_opened_while_the_first_question_is_under_way(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", IMAGE)

    def answer(_request: Request, proceed: Callable[[], Reply]) -> Reply:
        deadline = time.monotonic() + PATIENCE
        while source.connections < 5:
            if time.monotonic() > deadline:
                return Reply(400)
            time.sleep(0.005)
        return proceed()

    source.rule("HEAD", "/manifests/v1", answer)
    idle = IdleConnections()
    for _ in range(3):
        run(copier(source, target, workers=pool(), source_options={"idle": idle}))
    idle.close()
    assert source.connections <= 16, "those that are idle serve the next import"


def test_a_source_that_cannot_be_reached_is_told_as_ever(
    target: ScriptedRegistry, source: ScriptedRegistry
) -> None:
    source.stop()
    with pytest.raises(OciError, match="refused the connection") as caught:
        run(copier(source, target, workers=pool()))
    assert caught.value.code == "unreachable"
