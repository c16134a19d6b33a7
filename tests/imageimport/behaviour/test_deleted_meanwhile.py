"""What an import belongs to is deleted at each stage of it: everything ends, soon, and leaves nothing half done."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from django.contrib.auth.models import User
from django.db import connection

from accounts.exceptions import ApplicationError
from imageimport.batches import services as batches
from imageimport.choices import ACTIVE, Status
from imageimport.credentials import services as credentials
from imageimport.models import Credential, ImportAttempt, ImportBatch, ImportTask, Schedule, ScheduleRun
from imageimport.schedules import services as schedules
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest
from imageimport.worker import attempt, groups, leases
from projects.models import Project, Role
from projects.registry import removal
from testbed.images import random_image
from testbed.scripted_auth import BasicSignIn
from testbed.scripted_http import Reply, Request
from testbed.scripted_registry import ScriptedRegistry
from tests.support.factories import CredentialFactory, member

pytestmark = pytest.mark.django_db(transaction=True)
#: So long an import may take to notice. It asks twice a second.
SOON = 20.0


@dataclass
class Gate:
    """Holds the first request that comes to it."""

    came: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def __call__(self, _request: Request, proceed: Callable[[], Reply]) -> Reply:
        self.came.set()
        self.go_on.wait(SOON)
        return proceed()


@dataclass
class Scene:
    """A user's import out of a batch, by a schedule, with a saved credential."""

    user: User
    project: Project
    credential: Credential
    schedule: Schedule
    run: ScheduleRun
    batch: ImportBatch
    task: ImportTask


@pytest.fixture
def scene(source: ScriptedRegistry, target: ScriptedRegistry) -> Scene:
    user, project = member(Role.OWNER)
    source.sign_in = BasicSignIn({"me": "right"})
    source.add_image("app/web", "1.0", random_image([50_000, 60_000], seed=5))
    saved = CredentialFactory(project=project, registry=source.server_name, username="me", password="right")
    image = f"{source.server_name}/app/web"
    schedule = schedules.create(
        project=project,
        user=user,
        wanted=schedules.NewSchedule(image_url=image, tags=["1.0"], cron="0 3 * * *", credential=saved),
    )
    run = ScheduleRun.objects.create(schedule=schedule, checked_at=schedule.created_at)
    batch = ImportBatch.objects.create(project=project, requested_by=user)
    request = ImportRequest(image_url=f"{image}:1.0", credential=saved)
    task = services.submit(
        project=project,
        user=user,
        request=request,
        run=run,
    )
    task.batch, task.batch_index = batch, 0
    task.save(update_fields=["batch", "batch_index"])
    return Scene(user, project, saved, schedule, run, batch, task)


STAGES = {
    "waiting": None,
    "login": ("source", "", "/manifests/"),
    "pull": ("source", "GET", "/blobs/"),
    "push": ("target", "PUT", "/manifests/sha256:"),
    "tag": ("target", "PUT", "/manifests/1.0"),
}


@contextmanager
def held_at(stage: str, source: ScriptedRegistry, target: ScriptedRegistry) -> Iterator[None]:
    """The import, run by a worker of its own, stands at this stage inside the block, and ends after it."""
    place = STAGES[stage]
    gate = Gate()
    if place is not None:
        registry = {"source": source, "target": target}[place[0]]
        registry.rule(place[1], place[2], gate, times=1)

    def work() -> None:
        try:
            while (lease := leases.claim(worker="test:1")) is not None:
                attempt.run(lease)
        finally:
            connection.close()

    worker = threading.Thread(target=work)
    if place is None:
        yield
        worker.start()
    else:
        worker.start()
        assert gate.came.wait(SOON), stage
        try:
            yield
        finally:
            gate.go_on.set()
    worker.join(SOON)
    assert not worker.is_alive(), "it ends within seconds"


def nothing_is_left_open() -> None:
    groups.settle_stragglers()
    assert not ImportTask.objects.filter(status__in=ACTIVE).exists()
    assert not ImportAttempt.objects.filter(ended_at=None).exists()
    assert not ScheduleRun.objects.filter(ended_at=None).exists()
    assert not ImportBatch.objects.filter(completed_at=None).exists()


def test_a_project_whose_import_learns_of_it_right_after_the_tag(
    scene: Scene, source: ScriptedRegistry, target: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the row of the next stage, which a slow machine writes at once."""
    monkeypatch.setattr("imageimport.worker.progress._JUST_WRITTEN", 0.0)
    test_a_project(scene, source, target, "tag")


@pytest.mark.parametrize("stage", STAGES)
def test_a_project(scene: Scene, source: ScriptedRegistry, target: ScriptedRegistry, stage: str) -> None:
    with held_at(stage, source, target):
        removal.delete_project(project=scene.project, user=scene.user)
    nothing_is_left_open()
    assert not ImportTask.objects.exists()
    held = target.repository(f"{scene.project.name}/app/web")
    assert "1.0" not in held.manifests, "no tag comes back into a project that is gone"
    assert not held.uploads


@pytest.mark.parametrize("stage", STAGES)
def test_a_schedule(scene: Scene, source: ScriptedRegistry, target: ScriptedRegistry, stage: str) -> None:
    with held_at(stage, source, target):
        schedules.delete(schedule=scene.schedule)
    nothing_is_left_open()
    scene.task.refresh_from_db()
    assert (scene.task.status, scene.task.schedule, scene.task.schedule_run) == (Status.SUCCESS, None, None)


@pytest.mark.parametrize("stage", STAGES)
def test_a_batch(scene: Scene, source: ScriptedRegistry, target: ScriptedRegistry, stage: str) -> None:
    """Nobody deletes one, but all of it may be canceled; what is being published is carried through."""
    with held_at(stage, source, target):
        if stage == "tag":
            with pytest.raises(ApplicationError):
                batches.cancel(batch=scene.batch)
        else:
            assert batches.cancel(batch=scene.batch) == 1
    nothing_is_left_open()
    scene.task.refresh_from_db()
    assert scene.task.status == (Status.SUCCESS if stage == "tag" else Status.CANCELED)
    assert ("1.0" in target.repository(f"{scene.project.name}/app/web").manifests) == (stage == "tag")


@pytest.mark.parametrize("stage", STAGES)
def test_a_credential_is_kept_while_it_is_needed(
    scene: Scene, source: ScriptedRegistry, target: ScriptedRegistry, stage: str
) -> None:
    with held_at(stage, source, target), pytest.raises(ApplicationError) as refused:
        credentials.delete(credential=scene.credential)
    assert refused.value.code == "credential_in_use"
    nothing_is_left_open()
    scene.task.refresh_from_db()
    assert scene.task.status == Status.SUCCESS
    schedules.delete(schedule=scene.schedule)
    credentials.delete(credential=scene.credential)


@pytest.mark.parametrize("stage", STAGES)
def test_a_credential_that_is_gone_all_the_same(
    scene: Scene, source: ScriptedRegistry, target: ScriptedRegistry, stage: str
) -> None:
    """By the operator's hand in the database: what has signed in goes on, nothing goes on as nobody."""
    with held_at(stage, source, target):
        Credential.objects.all().delete()
    nothing_is_left_open()
    scene.task.refresh_from_db()
    if stage == "waiting":
        assert (scene.task.status, scene.task.error_code) == (Status.FAILED, "unauthorized")
    else:
        assert scene.task.status == Status.SUCCESS
