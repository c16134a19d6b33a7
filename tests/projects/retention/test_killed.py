"""A collector that the system kills for real, at random moments. ``COLLECTION_KILLS=30`` kills that many."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Final

import pytest

from projects.registry.delete import delete_tag
from stack.paths import ROOT
from testbed.images import random_image
from testbed.services import RegistryServer
from tests.projects.retention.files import (
    REPOSITORIES,
    attach,
    du,
    has_blob,
    layers_of,
    storage_of,
    two_platforms,
)

KILLS: Final = int(os.environ.get("COLLECTION_KILLS", "4"))
#: A busy machine takes a minute for each.
pytestmark = pytest.mark.timeout(400 + 60 * KILLS)
#: Images that each turn leaves behind.
LITTER: Final = 12

#: What the collector does with the files, as a program of its own: it says when it begins, and what it freed.
COLLECTOR: Final = """
import json, sys
from pathlib import Path
from projects.retention.marking import Keeping
from projects.retention.storage import Storage
from projects.retention.sweeping import collect
never = float("inf")
def keeping():
    return Keeping(lambda _: (), lambda _: never, lambda _: {})
print("begins", flush=True)
print(json.dumps(collect(Storage(Path(sys.argv[1])), keeping, lambda: None).bytes), flush=True)
"""


@dataclass
class Collector:
    """One run of it."""

    process: subprocess.Popen[str]
    began: float

    @classmethod
    def start(cls, server: RegistryServer) -> Collector:
        command = [sys.executable, "-c", COLLECTOR, str(storage_of(server).root)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert select.select([process.stdout], [], [], 120)[0] and process.stdout.readline() == "begins\n"
        return cls(process, time.monotonic())

    def end(self) -> tuple[int, float]:
        """Bytes that it freed, and the seconds that it took."""
        out, _ = self.process.communicate(timeout=300)
        assert self.process.returncode == 0
        return int(json.loads(out)), time.monotonic() - self.began

    def kill(self, after: float) -> bool:
        """After so many seconds; whether it was still at work then."""
        try:
            self.process.wait(after)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
        self.process.communicate(timeout=60)
        return self.process.returncode == -signal.SIGKILL


def test_killed_for_real_at_random_moments_every_tag_is_whole_and_the_next_run_frees_the_rest(
    own: RegistryServer,
) -> None:
    kept = two_platforms(10)
    own.push("team/app", "kept", kept)
    attach(own, "team/app", kept.digest, 1)
    dice = random.Random(11)
    _litter(own, 1000)
    freed, seconds = Collector.start(own).end()
    assert freed > LITTER * 8_000
    hit, moments = 0, set()
    for turn in range(10 * KILLS):
        if hit == KILLS:
            break
        gone = _litter(own, 2000 + 100 * turn)
        if Collector.start(own).kill(dice.uniform(0, seconds)):
            hit += 1
            moments.add(_moment(own, gone))
        assert own.verify("team/app", "kept").digest == kept.digest
        own.verify("team/app", kept.digest.replace(":", "-") + ".sig")
        before = du(own)
        freed, took = Collector.start(own).end()
        assert abs(freed - (before - du(own))) <= freed / 100
        assert not any(has_blob(own, digest) for digest in gone)
        assert not list(storage_of(own).root.glob(".portal*"))
        seconds = max(0.02, (seconds + took) / 2)
    assert own.verify("team/app", "kept").digest == kept.digest
    left = {
        path.name for path in (storage_of(own).root / REPOSITORIES / "team/app/_manifests/tags").iterdir()
    }
    assert left == {"kept", kept.digest.replace(":", "-") + ".sig"}
    print(f"killed at work: {hit} of {turn + 1} runs; then there was: {'; '.join(sorted(moments))}")
    assert hit == KILLS


def _moment(server: RegistryServer, gone: list[str]) -> str:
    """What a killed one left, in words."""
    aside = bool(list(storage_of(server).root.glob(".portal*")))
    there = sum(has_blob(server, digest) for digest in gone)
    if there == len(gone):
        return "everything in its place"
    return (
        f"{'something aside' if aside else 'nothing aside'} and {'some' if there else 'nothing'} in its place"
    )


def _litter(server: RegistryServer, seed: int) -> list[str]:
    """Images and an index with its signature that no tag names; their digests."""
    made = [
        two_platforms(seed),
        *(random_image([8_000], seed=seed + each) for each in range(10, 10 + LITTER)),
    ]
    found: list[str] = []
    for number, image in enumerate(made):
        server.push("team/app", f"gone{number}", image)
        found += layers_of(image)
    found += layers_of(attach(server, "team/app", made[0].digest, seed + 5))
    for number in range(len(made)):
        delete_tag(repository="team/app", tag=f"gone{number}")
    return found
