"""From the engine's callbacks to the row."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest

from imageimport.choices import Stage
from imageimport.models import ImportTask
from imageimport.worker import leases
from imageimport.worker.progress import Progress
from oci.errors import OciError
from projects.locking import LeaseLost
from tests.support.factories import TaskFactory

pytestmark = pytest.mark.django_db


@dataclass
class Blob:
    digest: str
    size: int
    media_type: str = "application/vnd.oci.image.layer.v1.tar+gzip"
    platform: str = ""


@pytest.fixture
def progress() -> Progress:
    TaskFactory()
    lease = leases.claim(worker="test:1")
    assert lease is not None
    return Progress(lease)


def row() -> ImportTask:
    return ImportTask.objects.get()


def test_each_stage_begins_at_the_reports_percent(
    progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imageimport.worker.progress._JUST_WRITTEN", 0)
    seen = []
    for stage in (Stage.LOGIN, Stage.PULL, Stage.TAG, Stage.PUSH, Stage.CLEANUP):
        progress.enter(stage)
        seen.append((row().stage, row().progress))
    assert seen == [("login", 20), ("pull", 30), ("tag", 60), ("push", 80), ("cleanup", 90)]


def test_a_stage_right_after_a_write_is_left_to_the_next(progress: Progress) -> None:
    progress.write()
    progress.enter(Stage.LOGIN)
    progress.enter(Stage.PULL)
    assert row().stage == "start"
    progress.write_if_changed()
    assert (row().stage, row().progress) == ("pull", 30)


def test_bytes_move_the_percent_inside_pull(progress: Progress) -> None:
    progress.enter(Stage.PULL)
    progress.layers([Blob("sha256:a", 600), Blob("sha256:b", 400)])
    progress.layer("sha256:a", "copying", 300)
    progress.layer("sha256:b", "exists", 400)
    progress.write()
    task = row()
    assert (task.bytes_total, task.bytes_done, task.bytes_reused) == (1000, 700, 400)
    assert task.progress == 30 + 21
    assert list(task.layers.values_list("digest", "size", "bytes_done", "state")) == [
        ("sha256:a", 600, 300, "copying"),
        ("sha256:b", 400, 400, "exists"),
    ]


def test_a_row_says_for_which_platform_it_is_and_the_next_attempt_may_know_better(progress: Progress) -> None:
    progress.layers([Blob("sha256:a", 600, platform="linux/amd64"), Blob("sha256:b", 400)])
    progress.write()
    assert dict(row().layers.values_list("digest", "platform")) == {
        "sha256:a": "linux/amd64",
        "sha256:b": "",
    }
    second = Progress(progress._lease)
    second.layers([Blob("sha256:a", 600), Blob("sha256:b", 400, platform="linux/arm64")])
    second.write()
    assert dict(row().layers.values_list("digest", "platform")) == {
        "sha256:a": "",
        "sha256:b": "linux/arm64",
    }


def test_a_layer_that_begins_again_tells_the_truth_and_the_percent_holds(progress: Progress) -> None:
    progress.enter(Stage.PULL)
    progress.layers([Blob("sha256:a", 1000)])
    progress.layer("sha256:a", "copying", 900)
    progress.write()
    before = row().progress
    progress.layer("sha256:a", "copying", 100)
    progress.write()
    assert row().progress == before
    assert row().layers.get().bytes_done == 100


def test_percent_never_exceeds_99_before_the_end(progress: Progress) -> None:
    progress.enter(Stage.CLEANUP)
    progress.advance(5.0)
    progress.write()
    assert row().progress <= 99


def test_a_wait_is_said_with_its_values_and_goes_when_bytes_move(progress: Progress) -> None:
    progress.enter(Stage.PULL)
    progress.layers([Blob("sha256:a", 10)])
    progress.waiting("Waiting for %(host)s", {"host": "docker.io"}, time.time() + 30)
    progress.write()
    assert row().message == "Waiting for docker.io"
    assert progress.idle_seconds == 0.0
    progress.layer("sha256:a", "copying", 5)
    progress.write()
    assert row().message == "Pulling the image"


def test_rate_and_eta_come_from_moved_bytes(progress: Progress) -> None:
    progress.enter(Stage.PULL)
    progress.layers([Blob("sha256:a", 4_000_000)])
    time.sleep(0.5)
    progress.layer("sha256:a", "copying", 1_000_000)
    progress.write()
    task = row()
    assert 500_000 < task.rate < 4_000_000
    assert task.eta_seconds is not None


def test_nothing_is_written_without_the_lease(progress: Progress) -> None:
    ImportTask.objects.update(fence=99)
    progress.layers([Blob("sha256:a", 10)])
    with pytest.raises(LeaseLost):
        progress.write()
    assert not row().layers.exists()


def test_a_layer_it_was_never_told_of_is_ignored(progress: Progress) -> None:
    progress.layer("sha256:unknown", "copying", 5)
    progress.write()
    assert row().bytes_total == 0


def test_the_percent_holds_over_attempts(progress: Progress, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next attempt finds what this one brought; nobody sees the percent fall meanwhile."""
    monkeypatch.setattr("imageimport.worker.progress._JUST_WRITTEN", 0)
    progress.enter(Stage.PULL)
    progress.layers([Blob("sha256:a", 1000)])
    progress.layer("sha256:a", "copying", 500)
    progress.write()
    seen = [row().progress]
    lease = progress._lease
    leases.try_again(lease, pause=0, error=OciError("unreachable", "It is away."))
    seen.append(row().progress)
    again = leases.claim(worker="test:2")
    assert again is not None
    seen.append(row().progress)
    second = Progress(again)
    for stage in (Stage.LOGIN, Stage.PULL):
        second.enter(stage)
        seen.append(row().progress)
    second.layers([Blob("sha256:a", 1000)])
    second.layer("sha256:a", "copying", 100)
    second.write()
    seen.append(row().progress)
    assert seen == [45] * len(seen)
    second.layer("sha256:a", "copying", 700)
    second.write()
    assert row().progress == 51
