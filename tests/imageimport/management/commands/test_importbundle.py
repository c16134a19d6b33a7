"""``importbundle``: exit statuses say what failed, and nothing looks complete that is not."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import close_old_connections

from imageimport.choices import Status
from imageimport.models import BundleUpload, ImportBatch, ImportTask, PolicyRule
from imageimport.worker import attempt, leases
from projects.models import AuditEvent, Project
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry
from tests.support.content.archives import layout, volumes, write
from tests.support.factories import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
ONE = random_image([60_000, 5_000], seed=1)
TWO = random_image([7_000], seed=2)
Run = Callable[..., str]


@pytest.fixture
def run(settings: Any, tmp_path: Path, target: ScriptedRegistry) -> Iterator[Run]:
    """The command, with a worker beside it."""
    settings.UPLOADS_DIR = tmp_path / "uploads"
    Project.objects.create(name="team")
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.05):
            while (lease := leases.claim(worker="test:1")) is not None:
                attempt.run(lease)
        close_old_connections()

    worker = threading.Thread(target=work)
    worker.start()

    def call(*files: Path, **options: Any) -> str:
        out = StringIO()
        options = {"stderr": StringIO(), **options}
        call_command("importbundle", *map(str, files), project="team", stdout=out, **options)
        return out.getvalue()

    yield call
    stop.set()
    worker.join()


def refusal(run: Run, *files: Path, **options: Any) -> CommandError:
    with pytest.raises(CommandError) as caught:
        run(*files, **options)
    return caught.value


def test_all_images_of_a_file_are_imported_and_the_file_stays_as_it_was(
    run: Run, tmp_path: Path, target: ScriptedRegistry
) -> None:
    file = write(tmp_path / "images.tar", content := layout({"app:1": ONE, "tool:2": TWO}))
    rows = json.loads(run(file, json=True))
    assert [row["status"] for row in rows] == [Status.SUCCESS] * 2
    assert target.repository("team/tool").manifests["2"][1] == TWO.manifest.data
    assert file.read_bytes() == content
    assert list((tmp_path / "uploads").iterdir()) == []
    assert not BundleUpload.objects.exists()


def test_the_audit_log_names_the_user_that_the_command_names_and_no_one_where_it_ends(
    run: Run, tmp_path: Path
) -> None:
    ann = UserFactory(username="ann")
    run(write(tmp_path / "images.tar", layout({"app:1": ONE})), user="ann")
    events = AuditEvent.objects.order_by("id")
    assert [(event.action, event.actor, event.actor_name) for event in events] == [
        ("upload.created", ann, "ann"),
        ("batch.created", ann, "ann"),
        ("upload.deleted", None, ""),
    ]
    assert {event.address for event in events} == {None}


def test_exit_statuses_say_what_failed(run: Run, tmp_path: Path) -> None:
    notes = write(tmp_path / "notes.txt", b"hello" * 200)
    assert refusal(run, notes).returncode == 2
    first, _second = volumes({"app:1": ONE}, 2)
    assert refusal(run, write(tmp_path / "b.1", first)).returncode == 3
    assert refusal(run, tmp_path / "none.tar").returncode == 1
    assert not ImportBatch.objects.exists()
    changed = bytearray(layout({"app:1": ONE, "tool:2": TWO}))
    changed[changed.index(ONE.blobs[1].data) + 100] ^= 1
    failed = refusal(run, write(tmp_path / "changed.tar", bytes(changed)))
    assert failed.returncode == 2
    assert "app:1: bundle_invalid" in str(failed)
    assert {task.target_name: task.status for task in ImportTask.objects.all()} == {
        "app": Status.FAILED,
        "tool": Status.SUCCESS,
    }


def test_what_waits_for_approval_is_not_waited_for(run: Run, tmp_path: Path) -> None:
    project = Project.objects.get()
    PolicyRule.objects.create(project=project, name="R", action="approve", sources=["bundle/tool"])
    file = write(tmp_path / "images.tar", layout({"app:1": ONE, "tool:2": TWO}))
    said = StringIO()
    with pytest.raises(SystemExit) as left:
        run(file, stderr=said)
    assert left.value.code == 4
    asked = ImportTask.objects.get(target_name="tool")
    assert asked.is_requested
    assert "tool:2 needs approval" in said.getvalue()
    assert f"/projects/team/imports/{asked.pk}/" in said.getvalue()
    assert ImportTask.objects.get(target_name="app").status == Status.SUCCESS
    assert BundleUpload.objects.exists(), "the approved import will read it"


def test_volumes_and_single_images_are_taken_under_a_prefix(run: Run, tmp_path: Path) -> None:
    parts = [
        write(tmp_path / f"b.{number}", content)
        for number, content in enumerate(volumes({"app:1": ONE, "tool:2": TWO}, 3))
    ]
    run(*parts, image=["tool:2"], prefix="site-b")
    assert ImportTask.objects.get().target_name == "site-b/tool"
