"""Imports while the registry's garbage is collected: they wait, burn no attempt, and lose nothing."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from imageimport import cleaning
from imageimport.choices import Outcome, Status
from imageimport.models import ImportAttempt, ImportLayer, ImportTask, TagDigest
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest
from imageimport.worker import leases, monitor
from projects.models import Collection, Project, Role
from projects.token_service import writers
from testbed.images import random_image
from testbed.scripted_http import Reply
from testbed.scripted_registry import ScriptedRegistry
from tests.support.factories import ProjectFactory, TaskFactory, member

pytestmark = pytest.mark.django_db(transaction=True)
Work = Callable[[], list[ImportTask]]


def submit(project: Project, source: ScriptedRegistry) -> ImportTask:
    request = ImportRequest(f"{source.server_name}/app/web:latest")
    return services.submit(project=project, user=None, request=request)


def over(made: Collection) -> None:
    Collection.objects.filter(pk=made.pk).update(state=Collection.State.DONE)


def test_what_waits_begins_when_it_is_over(
    source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    _user, project = member(Role.DEVELOPER)
    source.add_image("app/web", "latest", random_image([500], seed=1))
    submit(project, source)
    made = Collection.objects.create()
    (task,) = work()
    assert (task.status, task.attempts) == (Status.PENDING, 0)
    over(made)
    (task,) = work()
    assert (task.status, task.attempts) == (Status.SUCCESS, 1)


def test_what_runs_makes_room_within_seconds_burns_no_attempt_and_goes_on_afterwards(
    source: ScriptedRegistry, target: ScriptedRegistry, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    _user, project = member(Role.DEVELOPER)
    source.add_image("app/web", "latest", random_image([400_000], seed=1))
    submit(project, source)
    reading = threading.Event()
    made: list[Collection] = []

    def slow(_request: Any, proceed: Callable[[], Reply]) -> Reply:
        if not made:
            made.append(Collection.objects.create())
            reading.wait(20)
        return proceed()

    monkeypatch.setattr(monitor, "LOOK_AT_PROJECT", 0.1)
    source.rule("GET", "/blobs/", slow, times=1)
    stopper = threading.Timer(3.0, reading.set)
    stopper.start()
    (task,) = work()
    stopper.cancel()
    assert (task.status, task.attempts) == (Status.PENDING, 0)
    assert "cleaned up" in task.message
    assert ImportAttempt.objects.get().outcome == Outcome.HANDED_BACK
    assert cleaning.writing_until(timezone.now()) is None
    over(made[0])
    (task,) = work()
    assert (task.status, task.attempts) == (Status.SUCCESS, 1)


def test_no_collection_begins_while_an_import_holds_a_place_or_a_lost_one_may_still_write() -> None:
    now = timezone.now()
    assert cleaning.writing_until(now) is None
    task = TaskFactory(status=Status.RUNNING)
    assert cleaning.writing_until(now) is not None
    ImportTask.objects.filter(pk=task.pk).update(status=Status.PENDING)
    ImportAttempt.objects.create(
        task=task, fence=1, attempt=1, worker="w", started_at=now, ended_at=now, outcome=Outcome.LOST
    )
    until = cleaning.writing_until(now)
    assert until == now + dt.timedelta(seconds=writers.TOKEN_SECONDS)
    assert writers.written_until(now) == until
    assert cleaning.writing_until(now + dt.timedelta(seconds=writers.TOKEN_SECONDS + 1)) is None


def test_no_import_is_claimed_while_writers_are_held() -> None:
    TaskFactory()
    made = Collection.objects.create()
    assert leases.claim(worker="w") is None
    over(made)
    assert leases.claim(worker="w") is not None


def test_what_unfinished_imports_brought_and_what_tags_named_lately_is_kept() -> None:
    project = ProjectFactory()
    task = TaskFactory(project=project)
    done = TaskFactory(project=project, status=Status.SUCCESS, completed_at=timezone.now())
    for number, each in enumerate((task, done)):
        ImportLayer.objects.create(task=each, position=0, digest=f"sha256:{number:064}")
    assert list(cleaning.blobs_on_their_way()) == [f"sha256:{0:064}"]
    now = timezone.now()
    for days, digest in ((30, "a"), (20, "b"), (3, "c"), (1, "d")):
        TagDigest.objects.create(
            project=project, repository="app", tag="1", digest=digest, at=now - dt.timedelta(days=days)
        )
    # "a" was replaced long ago, "d" is what the tag names.
    assert set(cleaning.named_lately(project, now)) == {("app", "b"), ("app", "c")}
