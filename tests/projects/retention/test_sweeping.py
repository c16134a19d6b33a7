"""Collecting garbage in the files of real registries: what a tag reaches stays, whenever it is killed."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from projects.registry.delete import delete_tag
from projects.retention.marking import Keeping
from projects.retention.sweeping import collect
from stack.reader import ReadError
from testbed.images import random_image
from testbed.services import RegistryServer
from tests.projects.retention.files import (
    OLD,
    attach,
    du,
    has_blob,
    keeping,
    layers_of,
    put_tag,
    storage_of,
    sweep,
    two_platforms,
)

#: Points at which a collection is killed; hundreds by hand, now and then.
KILLS = int(os.environ.get("SWEEP_KILLS") or 8)


class Killed(BaseException):
    """The process is gone."""


def test_what_no_tag_names_goes_with_its_children_and_signatures_and_the_rest_stays_whole(
    own: RegistryServer,
) -> None:
    kept, gone = two_platforms(10), two_platforms(20)
    for tag, image, seed in (("kept", kept, 1), ("gone", gone, 2)):
        own.push("team/app", tag, image)
        attach(own, "team/app", image.digest, seed)
    # Cosign's own place for signatures of images that are elsewhere.
    own.push("team/signatures", gone.digest.replace(":", "-") + ".sig", random_image([300], seed=77))
    delete_tag(repository="team/app", tag="gone")
    before = du(own)
    swept = sweep(own)
    freed = before - du(own)
    assert abs(swept.bytes - freed) <= freed / 100 and freed > 9000
    assert swept.manifests >= 4
    assert own.verify("team/app", "kept").digest == kept.digest
    own.verify("team/app", kept.digest.replace(":", "-") + ".sig")
    own.verify("team/signatures", gone.digest.replace(":", "-") + ".sig")
    assert not any(has_blob(own, digest) for digest in (gone.digest, *layers_of(gone)))
    for reference in (gone.digest, gone.digest.replace(":", "-") + ".sig"):
        with pytest.raises(ReadError):
            own.verify("team/app", reference)
    assert sweep(own).bytes == 0
    # What was freed can be brought again.
    own.push("team/app", "gone", gone)
    assert own.verify("team/app", "gone").digest == gone.digest


def test_what_is_held_stays_with_all_below_it(own: RegistryServer) -> None:
    held, gone = two_platforms(10), two_platforms(20)
    for tag, image in (("held", held), ("gone", gone)):
        own.push("team/app", tag, image)
        delete_tag(repository="team/app", tag=tag)
    sweep(own, keeping([held.digest]))
    assert own.verify("team/app", held.digest).digest == held.digest
    assert not has_blob(own, gone.digest)


def test_what_no_tag_names_yet_stays_while_it_is_young_unless_it_was_given_up(own: RegistryServer) -> None:
    coming, given_up = two_platforms(10), two_platforms(20)
    own.push("team/app", None, coming)
    own.push("team/app", "1", given_up)
    delete_tag(repository="team/app", tag="1")
    sweep(own, keeping(young=time.time() - 3600, let_go={given_up.digest: OLD}))
    assert own.verify("team/app", coming.digest).digest == coming.digest
    assert not any(has_blob(own, digest) for digest in (given_up.digest, *layers_of(given_up)))


def test_blobs_of_unfinished_imports_stay(own: RegistryServer) -> None:
    image = random_image([4000], seed=3)
    own.push("team/app", "1", image)
    delete_tag(repository="team/app", tag="1")
    layer = image.blobs[1].digest
    sweep(own, keeping(blobs=[layer]))
    assert has_blob(own, layer)
    assert not has_blob(own, image.digest)


def test_a_tag_that_is_put_on_garbage_while_it_is_collected_is_whole(own: RegistryServer) -> None:
    """Such as by a push whose token had not run out after all."""
    image = two_platforms(10)
    own.push("team/app", "1", image)
    delete_tag(repository="team/app", tag="1")
    looks: list[int] = []

    def what() -> Keeping:
        looks.append(1)
        if len(looks) == 2:  # what goes has been moved aside by now
            put_tag(own, "1", image.digest)
        return keeping()()

    assert sweep(own, what).bytes == 0
    assert own.verify("team/app", "1").digest == image.digest


def test_a_manifest_that_nobody_can_read_keeps_all_that_it_may_name(own: RegistryServer) -> None:
    image = random_image([4000], seed=5)
    own.push("team/app", "1", image)
    path = own.blob_path(image.digest)
    path.write_bytes(b"[" * 5000 + path.read_bytes())
    sweep(own)
    assert all(has_blob(own, blob.digest) for blob in image.all_blobs())


def test_pulls_go_on_while_garbage_is_collected(own: RegistryServer) -> None:
    image = two_platforms(10)
    own.push("team/app", "1", image)
    for seed in range(30):
        own.push("team/app", f"old{seed}", random_image([20_000], seed=100 + seed))
        delete_tag(repository="team/app", tag=f"old{seed}")
    slowest = 0.0
    steps = count()

    def pull() -> None:
        nonlocal slowest
        if next(steps) % 40:
            return
        began = time.monotonic()
        assert own.verify("team/app", "1").digest == image.digest
        slowest = max(slowest, time.monotonic() - began)

    # Between two steps, which is where a pull can meet it.
    swept = collect(storage_of(own), keeping(), pull)
    assert swept.manifests >= 30
    assert slowest < 30


@contextmanager
def killed_at(operation: int) -> Iterator[list[int]]:
    """The process dies at its so-and-so-many-th change of the disk."""
    done: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        for name in ("rename", "unlink", "rmdir"):
            real = getattr(os, name)

            def change(*args: Any, real: Any = real, **kwargs: Any) -> Any:
                done.append(1)
                if len(done) == operation:
                    raise Killed
                return real(*args, **kwargs)

            patch.setattr(os, name, change)
        yield done


def test_killed_at_random_points_every_tag_is_whole_and_the_next_run_frees_the_rest(
    own: RegistryServer,
) -> None:
    kept = two_platforms(10)
    own.push("team/app", "kept", kept)
    attach(own, "team/app", kept.digest, 1)
    dice = random.Random(7)
    with killed_at(0) as done:
        _litter(own, 1000)
        done.clear()
        sweep(own)
        most = len(done)
    assert most > 20
    clean = _files(own)
    for turn in range(KILLS):
        gone = _litter(own, 2000 + 10 * turn)
        with killed_at(dice.randint(1, most)), pytest.raises(Killed):
            sweep(own)
        assert own.verify("team/app", "kept").digest == kept.digest
        own.verify("team/app", kept.digest.replace(":", "-") + ".sig")
        before = du(own)
        swept = sweep(own)
        freed = before - du(own)
        assert abs(swept.bytes - freed) <= max(freed / 100, 0)
        assert not any(has_blob(own, digest) for digest in gone)
        assert not list(storage_of(own).root.glob(".portal*"))
    assert own.verify("team/app", "kept").digest == kept.digest
    assert _files(own) == clean


def _files(server: RegistryServer) -> set[Path]:
    """All but the folders."""
    return {path for path in storage_of(server).root.rglob("*") if path.is_file()}


def _litter(server: RegistryServer, seed: int) -> list[str]:
    """An index and its signature that no tag names; their digests."""
    image = two_platforms(seed)
    server.push("team/app", "gone", image)
    signature = attach(server, "team/app", image.digest, seed + 5)
    delete_tag(repository="team/app", tag="gone")
    return [*layers_of(image), *layers_of(signature)]
