"""One bound for however many worker processes: what really passed, beside what the bound allows in that time."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Final

import pytest
import redis

from imageimport.registries.bandwidth import BURST_SECONDS, MIN_BYTES
from stack.paths import ROOT
from testbed.services import RedisServer
from tests.support.paced import redis_now

MB: Final = 1_000_000
INSTALLATION, PROJECT = 3 * MB, 2 * MB
#: Of each process of the project, and of another project's that is bound by the installation only.
AMOUNT: Final = int(1.5 * MB)
#: No project's bound reaches so far.
UNBOUND: Final = 1000 * MB


@pytest.fixture
def shared(redis_server: RedisServer) -> Iterator[redis.Redis]:
    """The buckets' own Redis, which has none at first and in the end."""
    client = redis.Redis.from_url(redis_server.url)

    def empty() -> None:
        for key in client.scan_iter("portal:bandwidth:*"):
            client.delete(key)

    empty()
    yield client
    empty()
    client.close()


def read_at_once(client: redis.Redis, url: str, *bounds: tuple[uuid.UUID, int]) -> tuple[float, list[Any]]:
    """Have a process read for each of the projects with these bounds; when they began, and what each says."""
    with ExitStack() as stack:
        processes = []
        for project, rate in bounds:
            argv = [
                sys.executable,
                "-m",
                "tests.support.paced",
                url,
                str(INSTALLATION),
                str(project),
                str(rate),
            ]
            process = subprocess.Popen(
                [*argv, str(AMOUNT)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            processes.append(process)
        for process in processes:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
        began = redis_now(client)
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        return began, [json.loads(process.communicate(timeout=120)[0]) for process in processes]


def check_bound(rate: int, began: float, found: list[Any]) -> None:
    """No byte more passed than a full bucket and what flowed into it meanwhile."""
    seconds = max(each["ended"] for each in found) - began
    passed = sum(each["bytes"] for each in found)
    assert passed <= rate * (seconds + BURST_SECONDS), (
        f"{passed} bytes in {seconds:.3f} s, at {rate} a second"
    )


def test_bounds_hold_for_all_processes_together(shared: redis.Redis, redis_server: RedisServer) -> None:
    ours, theirs = uuid.uuid4(), uuid.uuid4()
    began, found = read_at_once(shared, redis_server.url, (ours, PROJECT), (ours, PROJECT), (theirs, UNBOUND))
    assert [each["bytes"] for each in found] == [AMOUNT] * 3
    check_bound(PROJECT, began, found[:2])
    check_bound(INSTALLATION, began, found)
    # Nor is it slower than the bound for a reason of its own: a wait is as long as the least grant takes to flow in.
    assert max(each["longest"] for each in found) <= MIN_BYTES / PROJECT + 0.001
